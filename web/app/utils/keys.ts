const TYPING = 'input, textarea, select, [contenteditable=""], [contenteditable=true], [role=textbox], [role=combobox]'
const BUSY = '[role=dialog], [role=alertdialog], [role=menu], [role=listbox]'
const OFF = 'dossier.keys'

/** Whether somebody writes into what an event came from. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest(TYPING) !== null
}

/** Whether single keys are shortcuts here; they can be switched off for people who speak to their computer (WCAG 2.1.4). */
export const keysOn = (): boolean => localStorage.getItem(OFF) !== 'off'

export function setKeysOn(on: boolean): void {
  if (on) localStorage.removeItem(OFF)
  else localStorage.setItem(OFF, 'off')
}

/** Whether a keydown may be taken as a shortcut of one key: nobody types, nothing is open over the page, no modifier is held. */
export function singleKey(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false
  return keysOn() && !isTyping(event.target) && document.querySelector(BUSY) === null
}

/** Keys one after the other, as in `g d`: `press` says which command is complete, if one is. */
export function makeChords<T>(commands: Record<string, T>, patience = 1200): (key: string, now?: number) => T | undefined {
  let first = ''
  let at = 0
  return (key, now = Date.now()) => {
    const whole = first && now - at < patience ? `${first} ${key}` : key
    first = Object.keys(commands).some(each => each.startsWith(`${key} `)) && !(whole in commands) ? key : ''
    at = now
    return commands[whole] ?? (whole === key ? undefined : commands[key])
  }
}

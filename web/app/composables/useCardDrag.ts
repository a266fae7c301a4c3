import type { Status } from '~/utils/tasks'

const THRESHOLD = 6

/** Drag a card over the columns with mouse or pen. Fingers scroll; they have the menu of the card. */
export function useCardDrag(drop: (id: string, status: Status) => void) {
  const dragged = ref<string | null>(null)
  const over = ref<Status | null>(null)
  let start = { x: 0, y: 0 }
  let card: HTMLElement | null = null
  let ghost: HTMLElement | null = null

  function begin(event: PointerEvent, id: string) {
    if (event.pointerType === 'touch' || event.button !== 0 || (event.target as Element).closest('[data-no-drag]')) return
    start = { x: event.clientX, y: event.clientY }
    card = event.currentTarget as HTMLElement
    card.dataset.pending = id
    window.addEventListener('pointermove', move)
    window.addEventListener('pointerup', end)
    window.addEventListener('keydown', cancel, true)
  }

  function lift() {
    const box = card!.getBoundingClientRect()
    dragged.value = card!.dataset.pending!
    ghost = card!.cloneNode(true) as HTMLElement
    ghost.setAttribute('aria-hidden', 'true')
    ghost.inert = true
    Object.assign(ghost.style, {
      position: 'fixed', left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px`, zIndex: '100', pointerEvents: 'none', rotate: '1.5deg', opacity: '0.95',
    })
    document.body.append(ghost)
    window.getSelection()?.removeAllRanges()
  }

  function move(event: PointerEvent) {
    const [dx, dy] = [event.clientX - start.x, event.clientY - start.y]
    if (!dragged.value && Math.hypot(dx, dy) < THRESHOLD) return
    event.preventDefault()
    if (!dragged.value) lift()
    ghost!.style.translate = `${dx}px ${dy}px`
    const column = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>('[data-column]')
    over.value = (column?.dataset.column as Status | undefined) ?? null
  }

  function end() {
    const [id, status] = [dragged.value, over.value]
    // The click that ends a drag opens nothing; it comes at once or never.
    if (id) {
      const swallow = (event: Event) => (event.stopPropagation(), event.preventDefault())
      window.addEventListener('click', swallow, { capture: true, once: true })
      setTimeout(() => window.removeEventListener('click', swallow, { capture: true }))
    }
    stop()
    if (id && status) drop(id, status)
  }

  function cancel(event: KeyboardEvent) {
    if (event.key !== 'Escape') return
    event.stopPropagation()
    stop()
  }

  function stop() {
    ghost?.remove()
    ghost = card = null
    dragged.value = over.value = null
    window.removeEventListener('pointermove', move)
    window.removeEventListener('pointerup', end)
    window.removeEventListener('keydown', cancel, true)
  }
  onBeforeUnmount(stop)
  return { dragged, over, begin }
}

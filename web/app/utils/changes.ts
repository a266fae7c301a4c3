/** What differs between two texts: blocks of equal lines and of changed ones, the words that changed in them, and how to step through. */
export interface Word { text: string, changed: boolean }
export interface SameBlock { kind: 'same', text: string, lines: number, at: [number, number] }
export interface ChangedBlock { kind: 'changed', index: number, before: Word[], after: Word[], at: [number, number] }
export type Block = SameBlock | ChangedBlock

interface Part { value: string, added?: boolean, removed?: boolean, count?: number }
type Differ = (before: string, after: string) => Part[] | undefined
export interface Differs { lines: Differ, words: Differ }

const LONGEST_BLOCK = 60_000

/** Compare line by line, and word by word where lines differ. Lines that were only broken elsewhere count as the same. Null: too much differs. */
export function blocksOf(before: string, after: string, { lines, words }: Differs): Block[] | null {
  const parts = lines(ended(before), ended(after))
  if (!parts) return null
  const blocks: Block[] = []
  const at: [number, number] = [1, 1]
  let changed = 0
  for (const { gone, come, same } of pairs(parts)) {
    const from: [number, number] = [...at]
    const counts = same === null ? [linesIn(gone), linesIn(come)] as const : [linesIn(same), linesIn(same)] as const
    at[0] += counts[0]
    at[1] += counts[1]
    if (same !== null) blocks.push({ kind: 'same', text: same, lines: counts[0], at: from })
    else if (bare(gone) === bare(come)) blocks.push({ kind: 'same', text: come, lines: counts[1], at: from })
    else blocks.push({ kind: 'changed', index: changed++, ...wordsOf(gone, come, words), at: from })
  }
  return joined(blocks)
}

const ended = (text: string) => (text === '' || text.endsWith('\n') ? text : `${text}\n`)
const bare = (text: string) => text.replace(/\s+/g, '')
const linesIn = (text: string) => text.split('\n').length - 1

/** Removed and added lines that belong together, and the equal ones between them. */
function pairs(parts: Part[]): { gone: string, come: string, same: string | null }[] {
  const found: { gone: string, come: string, same: string | null }[] = []
  for (const part of parts) {
    const last = found.at(-1)
    if (!part.added && !part.removed) found.push({ gone: '', come: '', same: part.value })
    else if (last && last.same === null) last[part.added ? 'come' : 'gone'] += part.value
    else found.push({ gone: part.removed ? part.value : '', come: part.added ? part.value : '', same: null })
  }
  return found
}

/** Two blocks of equal lines beside each other become one. */
function joined(blocks: Block[]): Block[] {
  const found: Block[] = []
  for (const block of blocks) {
    const last = found.at(-1)
    if (last?.kind === 'same' && block.kind === 'same') {
      last.text += block.text
      last.lines += block.lines
    }
    else { found.push(block) }
  }
  return found
}

function wordsOf(gone: string, come: string, words: Differ): Pick<ChangedBlock, 'before' | 'after'> {
  const whole = (text: string): Word[] => (text ? [{ text, changed: true }] : [])
  const parts = gone && come && gone.length + come.length < LONGEST_BLOCK ? words(gone, come) : undefined
  if (!parts) return { before: whole(gone), after: whole(come) }
  return {
    before: parts.filter(part => !part.added).map(part => ({ text: part.value, changed: part.removed ?? false })),
    after: parts.filter(part => !part.removed).map(part => ({ text: part.value, changed: part.added ?? false })),
  }
}

/** Long stretches of equal lines are folded: what stands before the fold, how many lines it hides, what stands after. */
export function folded(block: SameBlock, first: boolean, last: boolean, around = 3): { head: string, hidden: number, tail: string } | null {
  const lines = block.text.split('\n').slice(0, -1)
  const [keepHead, keepTail] = [first ? 0 : around, last ? 0 : around]
  const hidden = lines.length - keepHead - keepTail
  if (hidden < 3) return null
  const text = (some: string[]) => some.map(line => `${line}\n`).join('')
  return { head: text(lines.slice(0, keepHead)), hidden, tail: text(lines.slice(lines.length - keepTail, lines.length)) }
}

/** How many changes there are. */
export const countChanges = (blocks: Block[]): number => blocks.filter(block => block.kind === 'changed').length

/** The change that comes next (1) or before (-1); it goes round at the ends. -1 stands for none yet. */
export function stepped(current: number, by: 1 | -1, count: number): number {
  if (count === 0) return -1
  if (current < 0) return by > 0 ? 0 : count - 1
  return (current + by + count) % count
}

/** A change in a few words, for the list of changes. */
export function gist(block: ChangedBlock, longest = 60): string {
  const said = (words: Word[]) => words.filter(word => word.changed).map(word => word.text.trim()).join(' … ').replace(/\s+/g, ' ').trim()
  const [gone, come] = [said(block.before), said(block.after)].map(text => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text))
  return [gone ? `− ${gone}` : '', come ? `+ ${come}` : ''].filter(Boolean).join('   ')
}

/** Read `compare=3..5`; null for anything else. */
export function readRange(value: unknown): [number, number] | null {
  const found = /^([1-9]\d{0,8})\.\.([1-9]\d{0,8})$/.exec(String(value ?? ''))
  return found ? [Number(found[1]), Number(found[2])] : null
}

/** Which pages (from 0) differ in their words, or are there on one side only. */
export function changedPages(before: readonly string[], after: readonly string[]): number[] {
  const most = Math.max(before.length, after.length)
  return Array.from({ length: most }, (_, index) => index).filter((index) => {
    const [one, two] = [before[index], after[index]]
    return one === undefined || two === undefined || bare(one) !== bare(two)
  })
}

/** The columns of the document list, as far as there is room for them. */
export type Column = 'version' | 'tasks' | 'type' | 'tags' | 'size' | 'changed'
interface Spec { column: Column, from: number, width: string }

const SPECS: readonly Spec[] = [
  { column: 'version', from: 560, width: '3.5rem' },
  { column: 'tasks', from: 620, width: '4.5rem' },
  { column: 'tags', from: 960, width: 'minmax(6rem, 12rem)' },
  { column: 'type', from: 860, width: '8.5rem' },
  { column: 'size', from: 560, width: '5rem' },
  { column: 'changed', from: 560, width: '12rem' },
]
const NARROW_CHANGED = '7.5rem'

export interface ListLayout { compact: boolean, columns: readonly Column[], template: string, row: number }

/** How the list is laid out at a width in pixels: under 560 px each line is two lines of text. */
export function layoutFor(width: number): ListLayout {
  if (width < 560) return { compact: true, columns: [], template: 'auto minmax(0, 1fr) auto', row: 60 }
  const shown = SPECS.filter(each => width >= each.from)
  const widths = shown.map(each => (each.column === 'changed' && width < 760 ? NARROW_CHANGED : each.width))
  return {
    compact: false,
    columns: shown.map(each => each.column),
    template: ['2.25rem', 'minmax(0, 1fr)', ...widths, '2.5rem'].join(' '),
    row: 40,
  }
}

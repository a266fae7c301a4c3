import type { Schemas } from './types'

/** Places in a version: what a task points at (W3C Web Annotation selectors), as pages, rectangles and quoted texts. */
export type Target = NonNullable<Schemas['Task']['target']>
export type Fragment = Extract<Target, { type: 'FragmentSelector' }>
export type Quote = Extract<Target, { type: 'TextQuoteSelector' }>

/** Left, top, width, height: PDF points from the page's upper left corner, or pixels of an image. */
export interface Rect { x: number, y: number, width: number, height: number }
export interface Place { page: number | null, rect: Rect | null, quote: Quote | null }
export interface Size { width: number, height: number }

const RFC3778 = 'http://tools.ietf.org/rfc/rfc3778'
const VALUE = /^page=(\d+)(?:&viewrect=([\d.]+),([\d.]+),([\d.]+),([\d.]+))?$/
const LONGEST = 2000
const AROUND = 40
// What the API refuses in a quoted text.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g

/** Read a task's target. */
export function placeOf(target: Target | null | undefined): Place | null {
  if (!target) return null
  if (target.type === 'TextQuoteSelector') return { page: null, rect: null, quote: target }
  const found = VALUE.exec(target.value)
  if (!found) return null
  const [x, y, width, height] = found.slice(2).map(Number) as [number, number, number, number]
  return { page: Number(found[1]), rect: found[2] === undefined ? null : { x, y, width, height }, quote: target.refinedBy ?? null }
}

/** A page, or a rectangle on it, as a target. */
export function targetAt(page: number, rect?: Rect | null, quote?: Quote | null): Fragment {
  const box = rect ? `&viewrect=${[rect.x, rect.y, rect.width, rect.height].map(inPoints).join(',')}` : ''
  return { type: 'FragmentSelector', conformsTo: RFC3778, value: `page=${page}${box}`, ...(quote ? { refinedBy: quote } : {}) }
}

function inPoints(value: number): string {
  return String(Math.round(Math.min(Math.max(value, 0), 999_999) * 100) / 100)
}

/** A rectangle between two points on the screen, in the page's own units and inside the page. */
export function rectBetween(a: { x: number, y: number }, b: { x: number, y: number }, scale: number, page: Size): Rect {
  const inside = (value: number, most: number) => Math.min(Math.max(value / scale, 0), most)
  const [left, right] = [inside(Math.min(a.x, b.x), page.width), inside(Math.max(a.x, b.x), page.width)]
  const [top, bottom] = [inside(Math.min(a.y, b.y), page.height), inside(Math.max(a.y, b.y), page.height)]
  return { x: left, y: top, width: right - left, height: bottom - top }
}

/** Where a rectangle of the page lies on the screen, in per cent: it stays right at any zoom. */
export function onScreen(rect: Rect, page: Size): Record<'left' | 'top' | 'width' | 'height', string> {
  const part = (value: number, whole: number) => `${(value / whole) * 100}%`
  return {
    left: part(rect.x, page.width),
    top: part(rect.y, page.height),
    width: part(rect.width, page.width),
    height: part(rect.height, page.height),
  }
}

/** The smallest rectangle around all of them; null around none. */
export function around(rects: Rect[]): Rect | null {
  const seen = rects.filter(rect => rect.width > 0 && rect.height > 0)
  if (seen.length === 0) return null
  const [x, y] = [Math.min(...seen.map(rect => rect.x)), Math.min(...seen.map(rect => rect.y))]
  return {
    x,
    y,
    width: Math.max(...seen.map(rect => rect.x + rect.width)) - x,
    height: Math.max(...seen.map(rect => rect.y + rect.height)) - y,
  }
}

/** Move a box by a step, or its lower right corner; it stays on the page and keeps a size that can be seen. */
export function nudged(rect: Rect, dx: number, dy: number, page: Size, resize: boolean): Rect {
  const between = (value: number, least: number, most: number) => Math.max(least, Math.min(value, most))
  if (resize) {
    return { ...rect, width: between(rect.width + dx, 4, page.width - rect.x), height: between(rect.height + dy, 4, page.height - rect.y) }
  }
  return { ...rect, x: between(rect.x + dx, 0, page.width - rect.width), y: between(rect.y + dy, 0, page.height - rect.height) }
}

/** Quote a part of a text, with a little of what stands around it; null for nothing but space. */
export function quoteOf(text: string, start: number, end: number): Quote | null {
  const exact = clean(text.slice(start, end)).slice(0, LONGEST)
  if (!exact.trim()) return null
  return {
    type: 'TextQuoteSelector',
    exact,
    prefix: clean(text.slice(Math.max(0, start - AROUND), start)),
    suffix: clean(text.slice(end, end + AROUND)),
  }
}

function clean(text: string): string {
  return text.replace(CONTROL, ' ')
}

/** Where a quoted text stands: of several equal ones the one with the likest surroundings; null where it is gone. */
export function findQuote(text: string, quote: Pick<Quote, 'exact' | 'prefix' | 'suffix'>): [number, number] | null {
  let best = -1
  let most = -1
  for (let at = text.indexOf(quote.exact); at >= 0; at = text.indexOf(quote.exact, at + 1)) {
    const end = at + quote.exact.length
    const likeness = alike(text.slice(Math.max(0, at - AROUND), at), quote.prefix ?? '', true) + alike(text.slice(end, end + AROUND), quote.suffix ?? '', false)
    if (likeness > most) [best, most] = [at, likeness]
  }
  return best < 0 ? null : [best, best + quote.exact.length]
}

/** How many characters are the same, counted from where the quoted text is. */
function alike(a: string, b: string, fromEnd: boolean): number {
  let same = 0
  while (same < Math.min(a.length, b.length)) {
    const [left, right] = fromEnd ? [a.at(-1 - same), b.at(-1 - same)] : [a[same], b[same]]
    if (left !== right) break
    same += 1
  }
  return same
}

import type { Size } from './places'

/** Pages under each other: where each begins, which are in view, and what stays in view when the zoom changes. */
export interface PageLayout { tops: number[], heights: number[], width: number, height: number }

export const GAP = 12

export function pagesLayout(sizes: readonly Size[], scale: number): PageLayout {
  const tops: number[] = []
  const heights = sizes.map(size => Math.floor(size.height * scale))
  let height = GAP
  for (const each of heights) {
    tops.push(height)
    height += each + GAP
  }
  return { tops, heights, width: Math.max(0, ...sizes.map(size => Math.floor(size.width * scale))), height }
}

/** Which page (from 0) is at a height; between two pages the upper one. */
export function pageAt({ tops }: Pick<PageLayout, 'tops'>, y: number): number {
  let [low, high] = [0, tops.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (tops[middle]! <= y) low = middle
    else high = middle - 1
  }
  return Math.max(low, 0)
}

/** The first and the last page (from 0) that are in view or one screen away from it. */
export function pagesNear(layout: PageLayout, top: number, height: number): [number, number] {
  return [pageAt(layout, top - height), pageAt(layout, top + 2 * height)]
}

/** The place at a height, as a page and the part of it that is above: the same place at any zoom. */
export function anchorAt(layout: PageLayout, y: number): { page: number, part: number } {
  const page = pageAt(layout, y)
  return { page, part: (y - layout.tops[page]!) / Math.max(layout.heights[page]!, 1) }
}

export function heightOf(layout: PageLayout, anchor: { page: number, part: number }): number {
  return layout.tops[anchor.page]! + anchor.part * layout.heights[anchor.page]!
}

/** The next step of zoom up (1) or down (-1) from any value. */
export function zoomed(scale: number, by: 1 | -1): number {
  const near = 0.005
  const next = by > 0 ? ZOOMS.find(each => each > scale + near) : ZOOMS.findLast(each => each < scale - near)
  return next ?? (by > 0 ? ZOOMS.at(-1)! : ZOOMS[0]!)
}

/** The steps of zoom. (Last in the file: the search for exports reads over what follows a list.) */
export const ZOOMS = [0.25, 0.33, 0.5, 0.67, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5]

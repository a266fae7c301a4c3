import { describe, expect, it } from 'vitest'

import { anchorAt, GAP, heightOf, pagesLayout, pageAt, pagesNear, zoomed } from '../app/utils/pages'

const sizes = [{ width: 600, height: 800 }, { width: 800, height: 600 }, { width: 600, height: 800 }]

describe('pagesLayout', () => {
  it('puts pages under each other', () => {
    expect(pagesLayout(sizes, 1)).toEqual({ tops: [GAP, 2 * GAP + 800, 3 * GAP + 1400], heights: [800, 600, 800], width: 800, height: 4 * GAP + 2200 })
  })
  it('stands for no page at all', () => expect(pagesLayout([], 1)).toEqual({ tops: [], heights: [], width: 0, height: GAP }))
})

describe('pageAt', () => {
  const layout = pagesLayout(sizes, 1)
  it('finds the page', () => {
    expect([0, 500, 811, 900, 1500, 1e6].map(y => pageAt(layout, y))).toEqual([0, 0, 0, 1, 2, 2])
  })
  it('finds it among thousands', () => {
    const many = pagesLayout(Array.from({ length: 5000 }, () => sizes[0]!), 1)
    expect(pageAt(many, many.tops[4321]! + 5)).toBe(4321)
    expect(pagesNear(many, many.tops[100]!, 800)).toEqual([99, 101])
  })
})

describe('anchors', () => {
  it('keep the place when the zoom changes', () => {
    const [small, large] = [pagesLayout(sizes, 0.5), pagesLayout(sizes, 2)]
    const anchor = anchorAt(small, small.tops[1]! + 150)
    expect(anchor).toEqual({ page: 1, part: 0.5 })
    expect(heightOf(large, anchor)).toBe(large.tops[1]! + 600)
  })
})

describe('zoomed', () => {
  it('goes by steps from wherever it is, and ends', () => {
    expect([zoomed(1, 1), zoomed(1, -1), zoomed(0.93, 1), zoomed(0.93, -1), zoomed(5, 1), zoomed(0.1, -1)]).toEqual([1.1, 0.9, 1, 0.9, 5, 0.25])
  })
})

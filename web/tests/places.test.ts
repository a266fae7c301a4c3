import { describe, expect, it } from 'vitest'

import { around, findQuote, nudged, onScreen, placeOf, quoteOf, rectBetween, targetAt } from '../app/utils/places'

const A4 = { width: 595, height: 842 }
// The rule of the API for a fragment's value.
const RULE = /^page=[1-9][0-9]{0,5}(&viewrect=[0-9]{1,6}(\.[0-9]{1,4})?(,[0-9]{1,6}(\.[0-9]{1,4})?){3})?$/

describe('targets', () => {
  it('come back as the place that they were made of', () => {
    const rect = { x: 72, y: 120.5, width: 300.25, height: 40 }
    const quote = quoteOf('a term of twelve months from', 10, 23)!
    expect(placeOf(targetAt(4, rect, quote))).toEqual({ page: 4, rect, quote })
    expect(placeOf(targetAt(4))).toEqual({ page: 4, rect: null, quote: null })
    expect(placeOf(quote)).toEqual({ page: null, rect: null, quote })
  })

  it('follow the rule of the API whatever the numbers are', () => {
    for (const x of [0, -3, 0.123456789, 1e-9, 1234567.891, 100.005]) {
      expect(targetAt(1, { x, y: x, width: x, height: x }).value).toMatch(RULE)
    }
  })

  it('that are none are none', () => {
    expect(placeOf(null)).toBeNull()
    expect(placeOf({ type: 'FragmentSelector', conformsTo: 'http://tools.ietf.org/rfc/rfc3778', value: 'nonsense' })).toBeNull()
  })
})

describe('rectangles', () => {
  it('are drawn in any direction and end at the page', () => {
    expect(rectBetween({ x: 200, y: 300 }, { x: 100, y: 100 }, 2, A4)).toEqual({ x: 50, y: 50, width: 50, height: 100 })
    expect(rectBetween({ x: -50, y: -50 }, { x: 9999, y: 9999 }, 2, A4)).toEqual({ x: 0, y: 0, ...A4 })
  })

  it('lie where they were drawn at every zoom', () => {
    for (const scale of [0.5, 1, 1.37, 4]) {
      const rect = rectBetween({ x: 59.5 * scale, y: 84.2 * scale }, { x: 119 * scale, y: 168.4 * scale }, scale, A4)
      const shown = onScreen(rect, A4)
      expect(parseFloat(shown.left)).toBeCloseTo(10)
      expect(parseFloat(shown.top)).toBeCloseTo(10)
      expect(parseFloat(shown.width)).toBeCloseTo(10)
    }
  })

  it('around several hold them all', () => {
    expect(around([{ x: 10, y: 20, width: 5, height: 5 }, { x: 1, y: 30, width: 2, height: 9 }, { x: 0, y: 0, width: 0, height: 9 }]))
      .toEqual({ x: 1, y: 20, width: 14, height: 19 })
    expect(around([])).toBeNull()
  })

  it('moved by keys stay on the page and visible', () => {
    const box = { x: 10, y: 10, width: 100, height: 50 }
    expect(nudged(box, -50, 9999, A4, false)).toEqual({ x: 0, y: 792, width: 100, height: 50 })
    expect(nudged(box, -500, 20, A4, true)).toEqual({ x: 10, y: 10, width: 4, height: 70 })
    expect(nudged(box, 9999, 9999, A4, true)).toEqual({ x: 10, y: 10, width: 585, height: 832 })
  })
})

describe('quotes', () => {
  const text = 'The rent is due monthly. The deposit is due once. The rent is due monthly, always.'

  it('are found again, the right one of equal ones', () => {
    for (const at of [0, text.lastIndexOf('The rent')]) {
      const quote = quoteOf(text, at, at + 15)!
      expect(findQuote(text, quote)).toEqual([at, at + 15])
      expect(findQuote(`New beginning. ${text}`, quote)).toEqual([at + 15, at + 30])
    }
  })

  it('that are gone are gone', () => expect(findQuote('nothing', quoteOf(text, 0, 8)!)).toBeNull())
  it('of nothing are none', () => expect(quoteOf('a   b', 1, 4)).toBeNull())
  it('leave out what the API refuses, and end somewhere', () => {
    expect(quoteOf('a\u0000b\u007fc\nd', 0, 7)!.exact).toBe('a b c\nd')
    expect(quoteOf('x'.repeat(9000), 0, 9000)!.exact).toHaveLength(2000)
  })
})

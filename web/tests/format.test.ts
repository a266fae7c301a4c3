import { describe, expect, it } from 'vitest'

import { formatDay, formatExact, formatRelative, formatSize } from '~/utils/format'

describe('formatSize', () => {
  it.each([
    [0, '0 B'], [999, '999 B'], [1000, '1 kB'], [1234, '1.2 kB'], [12_345, '12 kB'], [999_499, '999 kB'], [999_500, '1 MB'],
    [1_200_000, '1.2 MB'], [5_000_000_000, '5 GB'], [7e15, '7,000 TB'],
  ])('%d is %s', (bytes, said) => expect(formatSize(bytes, 'en')).toBe(said))

  it('writes numbers as the language does', () => expect(formatSize(1_200_000, 'de')).toBe('1,2 MB'))
})

describe('formatRelative', () => {
  const now = Date.parse('2026-11-24T12:00:00Z')
  it.each([
    ['2026-11-24T12:00:00Z', 'now'], ['2026-11-24T11:59:30Z', 'now'], ['2026-11-24T11:57:00Z', '3 min. ago'],
    ['2026-11-24T09:00:00Z', '3 hr. ago'], ['2026-11-23T11:00:00Z', 'yesterday'], ['2026-11-25T13:00:00Z', 'tomorrow'],
    ['2025-10-01T12:00:00Z', 'last yr.'],
  ])('%s is %s', (at, said) => expect(formatRelative(at, 'en', now)).toBe(said))

  it('speaks German', () => expect(formatRelative('2026-11-23T11:00:00Z', 'de', now)).toBe('gestern'))
})

describe('formatExact and formatDay', () => {
  it('write as the region does', () => {
    expect(formatDay('2026-11-24T12:00:00Z', 'en-GB')).toBe('24 Nov 2026')
    expect(formatDay('2026-11-24T12:00:00Z', 'de')).toBe('24.11.2026')
    expect(formatExact('2026-11-24T12:00:00Z', 'en-GB')).toMatch(/^24 Nov 2026, \d\d:\d\d$/)
  })
})

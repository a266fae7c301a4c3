import { diffLines, diffWordsWithSpace } from 'diff'
import { describe, expect, it } from 'vitest'

import { blocksOf, type ChangedBlock, countChanges, folded, gist, readRange, type SameBlock, stepped } from '../app/utils/changes'

const differs = { lines: (a: string, b: string) => diffLines(a, b), words: (a: string, b: string) => diffWordsWithSpace(a, b) }
const compare = (before: string, after: string) => blocksOf(before, after, differs)!
const changedOf = (before: string, after: string) => compare(before, after).filter(block => block.kind === 'changed') as ChangedBlock[]

describe('blocksOf', () => {
  it('finds nothing in equal texts, whether or not the last line ends', () => {
    expect(countChanges(compare('one\ntwo', 'one\ntwo\n'))).toBe(0)
    expect(compare('', '')).toEqual([])
  })

  it('marks the words that changed, on both sides', () => {
    const [block] = changedOf('Rent: 900\nTerm: twelve months\nend', 'Rent: 900\nTerm: two years\nend')
    expect(block!.before.filter(word => word.changed).map(word => word.text).join('|')).toContain('twelve')
    expect(block!.after.filter(word => word.changed).map(word => word.text).join('|')).toContain('two')
    expect(block!.before.map(word => word.text).join('')).toBe('Term: twelve months\n')
    expect(block!.after.map(word => word.text).join('')).toBe('Term: two years\n')
    expect(block!.at).toEqual([2, 2])
  })

  it('numbers the lines of both sides after additions', () => {
    const blocks = compare('a\nb\n', 'a\nnew\nnew\nb\n')
    expect(blocks.map(block => block.at)).toEqual([[1, 1], [2, 2], [2, 4]])
    expect(changedOf('a\nb\n', 'a\nnew\nnew\nb\n')[0]!.before).toEqual([])
  })

  it('takes a paragraph that was broken elsewhere for the same', () => {
    expect(countChanges(compare('the quick brown\nfox jumps\n', 'the quick\nbrown fox jumps\n'))).toBe(0)
  })

  it('keeps every character of both texts', () => {
    const [before, after] = ['x\n\n  y z\n\tq\nlast', 'x\n\n  y zz\n\tq\nmore\nlast']
    const blocks = compare(before, after)
    const side = (pick: 'before' | 'after') => blocks.map(block => block.kind === 'same' ? block.text : block[pick].map(word => word.text).join('')).join('')
    expect(side('before')).toBe(`${before}\n`)
    expect(side('after')).toBe(`${after}\n`)
  })

  it('gives up where the differ does', () => {
    expect(blocksOf('a', 'b', { lines: () => undefined, words: () => undefined })).toBeNull()
  })

  it('shows whole lines where words would take too long', () => {
    const blocks = blocksOf('a b\n', 'a c\n', { ...differs, words: () => undefined })!
    expect(blocks[0]).toMatchObject({ before: [{ text: 'a b\n', changed: true }], after: [{ text: 'a c\n', changed: true }] })
  })
})

describe('folded', () => {
  const same = (lines: number): SameBlock => ({ kind: 'same', text: Array.from({ length: lines }, (_, n) => `${n}\n`).join(''), lines, at: [1, 1] })
  it('keeps three lines beside a change', () => {
    expect(folded(same(20), false, false)).toEqual({ head: '0\n1\n2\n', hidden: 14, tail: '17\n18\n19\n' })
  })
  it('keeps none at the ends of the text', () => {
    expect(folded(same(20), true, false)).toMatchObject({ head: '', hidden: 17 })
    expect(folded(same(20), false, true)).toMatchObject({ tail: '', hidden: 17 })
  })
  it('folds nothing that is hardly longer than the fold', () => expect(folded(same(8), false, false)).toBeNull())
})

describe('stepped', () => {
  it('goes round', () => {
    expect([stepped(-1, 1, 3), stepped(2, 1, 3), stepped(0, -1, 3), stepped(-1, -1, 3), stepped(0, 1, 0)]).toEqual([0, 0, 2, 2, -1])
  })
})

describe('gist', () => {
  it('says what went and what came', () => {
    const [block] = changedOf('Term: twelve months\n', 'Term: two years\n')
    expect(gist(block!)).toBe('− twelve … months   + two … years')
    expect(gist({ ...block!, before: [{ text: 'x'.repeat(99), changed: true }] }, 10)).toContain('xxxxxxxxx…')
  })
})

describe('readRange', () => {
  it('reads two numbers and nothing else', () => {
    expect(readRange('3..5')).toEqual([3, 5])
    for (const wrong of ['3', '0..5', '3..', '3...5', '-1..2', undefined, '1e3..2']) expect(readRange(wrong)).toBeNull()
  })
})

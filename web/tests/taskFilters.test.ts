import { describe, expect, it } from 'vitest'

import { askedOf, belongs, byDue, filterQuery, hasText, parseFilters } from '~/utils/taskFilters'
import type { Task } from '~/utils/types'

const NOW = new Date(2026, 10, 24, 12, 0).getTime()
const clean = (query: object) => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))

describe('the address', () => {
  it('is empty for what is usual', () => {
    expect(clean(filterQuery(parseFilters({})))).toEqual({})
    expect(parseFilters({})).toEqual({
      scope: 'mine', view: 'list', group: 'due', statuses: ['open', 'in_progress'], assignee: null, due: null, document: null, text: '',
    })
  })

  it('gives back what was chosen', () => {
    const addresses = [
      { scope: 'all', view: 'board', status: 'any', who: 'none' },
      { scope: 'all', who: '0198', due: 'overdue', document: 'd1', q: 'lease two' },
      { scope: 'made', group: 'document', status: 'done' },
      { scope: 'watching', status: 'open,done', due: 'week' },
    ]
    for (const query of addresses) expect(clean(filterQuery(parseFilters(query)))).toEqual(query)
  })

  it('makes the best of nonsense', () => {
    expect(clean(filterQuery(parseFilters({ scope: 'x', view: 'y', status: 'open,nonsense', due: ['a', 'b'], q: null })))).toEqual({ status: 'open' })
    expect(parseFilters({ status: 'nonsense' }).statuses).toEqual(['open', 'in_progress'])
  })

  it('forgets a person where the tasks are one\'s own', () => {
    expect(clean(filterQuery({ ...parseFilters({ scope: 'all', who: 'm' }), scope: 'mine' }))).toEqual({})
  })
})

describe('askedOf', () => {
  it('asks for whose they are', () => {
    expect(clean(askedOf(parseFilters({}), NOW))).toEqual({ assignee: 'me' })
    expect(clean(askedOf(parseFilters({ scope: 'made' }), NOW))).toEqual({ created_by: 'me' })
    expect(clean(askedOf(parseFilters({ scope: 'watching' }), NOW))).toEqual({ watching: 'me' })
    expect(clean(askedOf(parseFilters({ scope: 'all', who: 'none', due: 'overdue', document: 'd' }), NOW)))
      .toEqual({ assignee: 'none', overdue: true, document_id: 'd' })
  })

  it('takes the days of the reader', () => {
    const { due_after, due_before } = askedOf(parseFilters({ due: 'today' }), NOW)
    expect(new Date(due_after!).getTime()).toBe(new Date(2026, 10, 24).getTime() - 1)
    expect(new Date(due_before!).getTime()).toBe(new Date(2026, 10, 25).getTime())
    expect(new Date(askedOf(parseFilters({ due: 'week' }), NOW).due_before!).getTime()).toBe(new Date(2026, 10, 30).getTime())
  })
})

const task = (more: Partial<Task> = {}) => ({
  id: 't', title: 'Prüfe die Miete', details: 'bald', status: 'open', due_at: null, assignee: null, created_by: { id: 'mara', name: 'Mara' }, watchers: ['mara'],
  document_id: 'd', document: { name: 'Lease.pdf' }, ...more,
}) as Task

describe('belongs', () => {
  it('judges as the server does', () => {
    const mine = task({ assignee: { id: 'tom', name: 'Tom' }, due_at: new Date(NOW - 1000).toISOString() })
    const cases: [Record<string, string>, string, boolean][] = [
      [{}, 'tom', true], [{}, 'mara', false], [{ scope: 'made' }, 'mara', true], [{ scope: 'watching' }, 'mara', true], [{ scope: 'watching' }, 'tom', false],
      [{ scope: 'all' }, 'vera', true], [{ scope: 'all', who: 'none' }, 'vera', false], [{ scope: 'all', who: 'tom' }, 'vera', true],
      [{ due: 'overdue' }, 'tom', true], [{ due: 'today' }, 'tom', true], [{ status: 'done' }, 'tom', false], [{ document: 'x' }, 'tom', false],
    ]
    for (const [query, me, yes] of cases) expect(belongs(mine, parseFilters(query), me, NOW), JSON.stringify([query, me])).toBe(yes)
  })
})

describe('hasText', () => {
  it('looks for all words without regard to case and accents', () => {
    expect(hasText(task(), 'prufe LEASE')).toBe(true)
    expect(hasText(task(), 'prüfe offer')).toBe(false)
    expect(hasText(task(), ' ')).toBe(true)
  })
})

describe('byDue', () => {
  it('puts what is due first at the top, and what has no date last', () => {
    const tasks = [task({ id: 'b' }), task({ id: 'a' }), task({ id: 'c', due_at: '2026-11-24T00:00:00Z' }), task({ id: 'd', due_at: '2026-11-23T00:00:00Z' })]
    expect(tasks.sort(byDue).map(each => each.id)).toEqual(['d', 'c', 'a', 'b'])
  })
})

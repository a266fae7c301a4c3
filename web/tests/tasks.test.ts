import { describe, expect, it } from 'vitest'

import { addDays, clashing, dueGroup, dueWords, fromFields, groupByDue, isOverdue, isWholeDay, placeLink, shown, startOfDay, toFields } from '~/utils/tasks'
import type { Task } from '~/utils/types'

// A Tuesday at noon, in whatever zone the tests run.
const NOW = new Date(2026, 10, 24, 12, 0).getTime()
const at = (day: number, hour = 12, minute = 0) => new Date(2026, 10, day, hour, minute).toISOString()
const WORDS = { today: 'Today', tomorrow: 'Tomorrow', yesterday: 'Yesterday' }

describe('dueGroup', () => {
  it('goes by the reader\'s day and by weeks that end with Sunday', () => {
    const cases = [
      [null, 'none'], [at(23), 'overdue'], [at(24, 11, 59), 'overdue'], [at(24, 12, 1), 'today'], [at(24, 23, 59), 'today'],
      [at(25, 0), 'week'], [at(29, 23, 59), 'week'], [at(30, 0), 'later'],
    ] as const
    for (const [due, group] of cases) expect(dueGroup(due, NOW), String(due)).toBe(group)
  })

  it('has no rest of the week on a Sunday', () => {
    const sunday = new Date(2026, 10, 29, 9).getTime()
    expect(dueGroup(at(29, 10), sunday)).toBe('today')
    expect(dueGroup(at(30, 0), sunday)).toBe('later')
  })
})

describe('groupByDue', () => {
  it('keeps the order of heads and of tasks, and leaves empty heads out', () => {
    const tasks = [at(30), null, at(22), at(23)].map((due_at, id) => ({ id, due_at }))
    expect(groupByDue(tasks, NOW).map(group => [group.key, ...group.tasks.map(task => task.id)])).toEqual([['overdue', 2, 3], ['later', 0], ['none', 1]])
  })
})

describe('isOverdue', () => {
  it('is said of what still waits', () => {
    expect(isOverdue({ status: 'in_progress', due_at: at(23) }, NOW)).toBe(true)
    expect(isOverdue({ status: 'done', due_at: at(23) }, NOW)).toBe(false)
    expect(isOverdue({ status: 'open', due_at: null }, NOW)).toBe(false)
  })
})

describe('fields of a due date', () => {
  it('give the moment back', () => {
    for (const due of [at(24, 17), at(24, 0), at(24, 23, 59)]) {
      const { day, time } = toFields(due)
      expect(fromFields(day, time)).toBe(due)
    }
  })

  it('mean a whole day without a time', () => {
    const due = fromFields('2026-11-24', '')!
    expect(isWholeDay(due)).toBe(true)
    expect(dueGroup(due, NOW)).toBe('today')
    expect(toFields(null)).toEqual({ day: '', time: '' })
    expect(fromFields('nonsense', '')).toBeNull()
  })
})

describe('days', () => {
  it('are days although the clock is put forward', () => {
    const march = new Date(2026, 2, 28, 12).getTime()
    expect(new Date(addDays(startOfDay(march), 2)).getDate()).toBe(30)
    expect(new Date(addDays(startOfDay(march), 2)).getHours()).toBe(0)
  })
})

describe('dueWords', () => {
  it('says near days as people do', () => {
    expect(dueWords(fromFields('2026-11-24', '')!, 'en', NOW, WORDS)).toBe('Today')
    expect(dueWords(at(25, 17), 'en-GB', NOW, WORDS)).toBe('Tomorrow, 17:00')
    expect(dueWords(at(23, 17), 'de', NOW, WORDS)).toBe('Yesterday, 17:00')
    expect(dueWords(at(27, 17), 'en', NOW, WORDS)).toBe('Fri')
    expect(dueWords(at(1, 17), 'en', NOW, WORDS)).toBe('Nov 1')
    expect(dueWords(new Date(2027, 0, 5).toISOString(), 'en', NOW, WORDS)).toBe('Jan 5, 2027')
  })
})

const task = (more: Partial<Task>) => ({ id: 't', title: 'A', status: 'open', due_at: null, assignee: null, ...more }) as Task

describe('shown', () => {
  it('names the assignee and leaves out what is not given', () => {
    expect(shown({ assignee_id: 'm', title: undefined }, () => 'Mara')).toEqual({ assignee: { id: 'm', name: 'Mara' } })
    expect(shown({ assignee_id: null }, () => '')).toEqual({ assignee: null })
    expect(shown({ due_at: null }, () => '')).toEqual({ due_at: null })
  })
})

describe('clashing', () => {
  it('names what both have changed to different things', () => {
    const before = task({})
    expect(clashing(before, task({ title: 'B' }), { title: 'C' })).toEqual(['title'])
    expect(clashing(before, task({ title: 'B' }), { title: 'B' })).toEqual([])
    expect(clashing(before, task({ status: 'done' }), { title: 'C' })).toEqual([])
    expect(clashing(before, task({ assignee: { id: 'm', name: 'M' } }), { assignee_id: 't' })).toEqual(['assignee_id'])
    expect(clashing(before, task({ assignee: { id: 'm', name: 'M' } }), { assignee_id: 'm' })).toEqual([])
    expect(clashing(before, task({}), { version: 3 })).toEqual([])
  })
})

describe('placeLink', () => {
  it('opens the document at the version and page of the task', () => {
    const target = { type: 'FragmentSelector' as const, conformsTo: 'http://tools.ietf.org/rfc/rfc3778' as const, value: 'page=4' }
    expect(placeLink({ id: 't', document_id: 'd', version: 3, target })).toEqual({ path: '/documents/d', query: { v: '3', task: 't', page: '4' } })
    expect(placeLink({ id: 't', document_id: 'd', version: 3, target: null })).toEqual({ path: '/documents/d', query: { v: '3', task: 't' } })
  })
})

import type { LocationQuery, LocationQueryRaw } from 'vue-router'

import { addDays, isOverdue, startOfDay, STATUS_NAMES, type Status } from '~/utils/tasks'
import type { Task } from '~/utils/types'

export const SCOPES = ['mine', 'all', 'made', 'watching'] as const
export const DUES = ['overdue', 'today', 'week'] as const
export const GROUPS = ['due', 'document', 'assignee', 'none'] as const
const WAITING: Status[] = ['open', 'in_progress']

/** What the task page shows; all of it stands in the address. */
export interface TaskFilters {
  scope: typeof SCOPES[number]
  view: 'list' | 'board'
  group: typeof GROUPS[number]
  statuses: Status[]
  /** A member's id, or `none`; only among everybody's tasks. */
  assignee: string | null
  due: typeof DUES[number] | null
  document: string | null
  text: string
}

const one = <T extends string>(value: unknown, known: readonly T[]): T | null => known.find(each => each === value) ?? null
const word = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Read the filters of an address; what makes no sense is what it is without. */
export function parseFilters(query: LocationQuery): TaskFilters {
  const statuses = word(query.status).split(',').map(each => one(each, STATUS_NAMES)).filter(each => each !== null)
  return {
    scope: one(query.scope, SCOPES) ?? 'mine',
    view: one(query.view, ['board'] as const) ?? 'list',
    group: one(query.group, GROUPS) ?? 'due',
    statuses: query.status === 'any' ? [...STATUS_NAMES] : statuses.length ? statuses : [...WAITING],
    assignee: word(query.who) || null,
    due: one(query.due, DUES),
    document: word(query.document) || null,
    text: word(query.q),
  }
}

/** The address of filters: only what differs from the usual. */
export function filterQuery(filters: TaskFilters): LocationQueryRaw {
  const { scope, view, group, statuses, assignee, due, document, text } = filters
  const ordered = STATUS_NAMES.filter(name => statuses.includes(name))
  const usual = ordered.join() === WAITING.join() || ordered.length === 0
  return {
    scope: scope === 'mine' ? undefined : scope,
    view: view === 'list' ? undefined : view,
    group: group === 'due' ? undefined : group,
    status: usual ? undefined : ordered.length === STATUS_NAMES.length ? 'any' : ordered.join(),
    who: scope === 'all' ? assignee ?? undefined : undefined,
    due: due ?? undefined,
    document: document ?? undefined,
    q: text || undefined,
  }
}

/** What of it the server is asked; the text is looked for in what comes. */
export function askedOf(filters: TaskFilters, now: number) {
  const { scope, assignee, due, document } = filters
  const span = dueSpan(due, now)
  return {
    assignee: scope === 'mine' ? 'me' : scope === 'all' ? assignee ?? undefined : undefined,
    created_by: scope === 'made' ? 'me' as const : undefined,
    watching: scope === 'watching' ? 'me' as const : undefined,
    overdue: due === 'overdue' || undefined,
    due_after: span && new Date(span[0] - 1).toISOString(),
    due_before: span && new Date(span[1]).toISOString(),
    document_id: document ?? undefined,
  }
}

function dueSpan(due: TaskFilters['due'], now: number): [number, number] | undefined {
  if (due !== 'today' && due !== 'week') return undefined
  const midnight = startOfDay(now)
  return [midnight, addDays(midnight, due === 'today' ? 1 : 8 - (new Date(now).getDay() || 7))]
}

/** Whether a task that has just changed belongs to what the server was asked. */
export function belongs(task: Task, filters: TaskFilters, me: string, now: number): boolean {
  const who = task.assignee?.id ?? 'none'
  const scoped = {
    mine: who === me,
    all: filters.assignee === null || filters.assignee === who || (filters.assignee === 'me' && who === me),
    made: task.created_by.id === me,
    watching: task.watchers.includes(me),
  }[filters.scope]
  const span = dueSpan(filters.due, now)
  const due = task.due_at === null ? null : Date.parse(task.due_at)
  return scoped
    && filters.statuses.includes(task.status)
    && (filters.document === null || task.document_id === filters.document)
    && (filters.due !== 'overdue' || isOverdue(task, now))
    && (!span || (due !== null && due >= span[0] && due < span[1]))
}

/** Whether all typed words stand in the title, the details or the document's name. */
export function hasText(task: Task, text: string): boolean {
  const hay = fold(`${task.title} ${task.details} ${task.document.name} ${task.assignee?.name ?? ''}`)
  return fold(text).split(/\s+/).every(each => hay.includes(each))
}

const fold = (text: string) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()

/** The order of every list of tasks: the one that is due first at the top, those without a date last. */
export function byDue(a: Task, b: Task): number {
  const key = (task: Task) => task.due_at ?? '9999'
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a.id < b.id ? -1 : Number(a.id > b.id)
}

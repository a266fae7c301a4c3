import { placeOf } from '~/utils/places'
import type { Schemas, Task } from '~/utils/types'

export type Status = Task['status']
export type Priority = Task['priority']
export type DueGroup = 'overdue' | 'today' | 'week' | 'later' | 'none'
/** What can be changed of a task, as the API takes it. */
export type TaskPatch = Schemas['TaskChange']

/** How a status looks, wherever it stands: colour and icon, never the colour alone. */
export const STATUSES = {
  open: { icon: 'i-lucide-circle', text: 'text-primary', badge: 'primary' },
  in_progress: { icon: 'i-lucide-contrast', text: 'text-secondary', badge: 'secondary' },
  done: { icon: 'i-lucide-circle-check', text: 'text-success', badge: 'success' },
  cancelled: { icon: 'i-lucide-circle-slash', text: 'text-muted', badge: 'neutral' },
} as const satisfies Record<Status, { icon: string, text: string, badge: string }>

export const STATUS_NAMES = Object.keys(STATUSES) as Status[]
export const DUE_GROUPS: DueGroup[] = ['overdue', 'today', 'week', 'later', 'none']

/** Whether it still waits to be done. */
export function isOpenTask(task: Pick<Task, 'status'>): boolean {
  return task.status === 'open' || task.status === 'in_progress'
}

/** Whether it waits although its time has passed. */
export function isOverdue(task: Pick<Task, 'status' | 'due_at'>, now: number): boolean {
  return isOpenTask(task) && task.due_at !== null && Date.parse(task.due_at) < now
}

/** Which part of one's work a due date belongs to, in the reader's time zone. A week ends with Sunday. */
export function dueGroup(due_at: string | null, now: number): DueGroup {
  if (due_at === null) return 'none'
  const due = Date.parse(due_at)
  if (due < now) return 'overdue'
  const midnight = startOfDay(now)
  if (due < addDays(midnight, 1)) return 'today'
  const daysToMonday = 8 - (new Date(now).getDay() || 7)
  return due < addDays(midnight, daysToMonday) ? 'week' : 'later'
}

/** Tasks under the heads they belong to, those in the order of `DUE_GROUPS`, empty heads left out. */
export function groupByDue<T extends Pick<Task, 'due_at'>>(tasks: readonly T[], now: number): { key: DueGroup, tasks: T[] }[] {
  return DUE_GROUPS.map(key => ({ key, tasks: tasks.filter(task => dueGroup(task.due_at, now) === key) })).filter(group => group.tasks.length)
}

/** Midnight of the day, in the reader's time zone. */
export function startOfDay(at: number): number {
  const day = new Date(at)
  day.setHours(0, 0, 0, 0)
  return day.getTime()
}

/** So many days later at the same time of day; a day of 23 or 25 hours is a day. */
export function addDays(at: number, days: number): number {
  const day = new Date(at)
  day.setDate(day.getDate() + days)
  return day.getTime()
}

const END = '23:59'

/** A due date as two fields of a form, `2026-12-01` and `17:00`, in the reader's zone; a whole day has no time. */
export function toFields(due_at: string | null): { day: string, time: string } {
  if (due_at === null) return { day: '', time: '' }
  const at = new Date(due_at)
  const two = (value: number) => String(value).padStart(2, '0')
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`
  return { day: `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`, time: time === END ? '' : time }
}

/** The moment that two fields mean; a day without a time lasts until its end. */
export function fromFields(day: string, time: string): string | null {
  const at = new Date(`${day}T${time || END}:00`)
  return Number.isNaN(at.getTime()) ? null : at.toISOString()
}

/** Whether a due date is a whole day. */
export function isWholeDay(due_at: string): boolean {
  return toFields(due_at).time === ''
}

/** Where the document stands open at the place of the task. */
export function placeLink(task: Pick<Task, 'id' | 'document_id' | 'version' | 'target'>) {
  const page = placeOf(task.target)?.page
  return { path: `/documents/${task.document_id}`, query: { v: String(task.version), task: task.id, ...(page ? { page: String(page) } : {}) } }
}

/** A due date as people say it: today, tomorrow, a weekday within the week, else the date; near ones with their time. */
export function dueWords(due_at: string, locale: string, now: number, words: Record<'today' | 'tomorrow' | 'yesterday', string>): string {
  const at = new Date(due_at)
  const days = Math.round((startOfDay(at.getTime()) - startOfDay(now)) / 86_400_000)
  const near = { '-1': words.yesterday, '0': words.today, '1': words.tomorrow }[String(days)]
  const year = at.getFullYear() === new Date(now).getFullYear() ? undefined : 'numeric' as const
  const day = near ?? (days > 1 && days < 7
    ? at.toLocaleDateString(locale, { weekday: 'short' })
    : at.toLocaleDateString(locale, { day: 'numeric', month: 'short', year }))
  return isWholeDay(due_at) || Math.abs(days) > 1 ? day : `${day}, ${at.toLocaleTimeString(locale, { timeStyle: 'short' })}`
}

/** A change as the list shows it before the server has answered. */
export function shown(patch: TaskPatch, nameOf: (id: string) => string): Partial<Task> {
  const { assignee_id, ...rest } = patch
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  if (assignee_id === undefined) return given
  return { ...given, assignee: assignee_id === null ? null : { id: assignee_id, name: nameOf(assignee_id) } }
}

/** Which of the wanted changes are about something that somebody else has changed too, to something else. */
export function clashing(before: Task, theirs: Task, patch: TaskPatch): (keyof TaskPatch)[] {
  const value = (task: Task, name: string) => JSON.stringify(name === 'assignee_id' ? task.assignee?.id ?? null : task[name as keyof Task])
  const wanted = Object.keys(patch) as (keyof TaskPatch)[]
  return wanted.filter(name => value(before, name) !== value(theirs, name) && value(theirs, name) !== JSON.stringify(patch[name] ?? null))
}

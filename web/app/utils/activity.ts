import { startOfDay } from '~/utils/tasks'
import type { Schemas } from '~/utils/types'

/** One thing that happened, as the home page and the activity page get it. */
export type Activity = Schemas['ActivityEntry']

/** The kinds that the activity page can be narrowed to, and the events in each. */
export const ACTIVITY_KINDS = {
  versions: ['document.added', 'version.added', 'document.imported'],
  tasks: ['task.created', 'task.updated', 'task.status_changed', 'task.assigned', 'task.carried_over', 'task.commented', 'task.deleted'],
  places: [
    'document.renamed', 'document.moved', 'document.updated', 'document.trashed', 'document.restored', 'document.purged',
    'folder.created', 'folder.renamed', 'folder.moved', 'folder.trashed', 'folder.restored', 'folder.access_changed',
  ],
  locks: ['document.locked', 'document.unlocked'],
} as const
export type ActivityKind = keyof typeof ACTIVITY_KINDS

/** Which sentence tells it: `activity.<kind>.you` for one's own doing, `.other` for anybody else's. */
export function sentenceKey(activity: Activity, me: string, known: (key: string) => boolean): string {
  const { type, status, comment, actor, task, document, folder } = activity
  const who = actor?.id && actor.id === me ? 'you' : 'other'
  const kinds = [
    type === 'task.status_changed' && status ? `task_${status}` : '',
    type === 'task.assigned' ? assignedKind(activity, me) : '',
    activity.restored_from ? `${flat(type)}_restored` : '',
    activity.previous_name ? `${flat(type)}_from` : '',
    comment ? `${flat(type)}_comment` : '',
    flat(type),
    task ? 'task_changed' : document ? 'document_changed' : folder ? 'folder_changed' : 'something',
  ]
  return kinds.filter(Boolean).map(kind => `activity.${kind}.${who}`).find(known) ?? `activity.something.${who}`
}

function assignedKind({ person, actor }: Activity, me: string): string {
  if (!person) return 'task_unassigned'
  if (person.id === actor?.id) return 'task_taken'
  return person.id === me ? 'task_assigned_you' : 'task_assigned_to'
}

const flat = (type: string) => type.replace('.', '_')

interface Told { type: string, actor: { id: string | null, name: string }, data: Record<string, unknown> }
interface Words { t: (key: string, named?: Record<string, unknown>) => string, nameOf: (id: string | null) => string, me: string, locale: string }

/** An entry of a task's history as a sentence. */
export function historySentence(entry: Told, { t, nameOf, me, locale }: Words): string {
  const who = entry.actor.id === me ? 'you' : 'other'
  const { from, to, changed, assignee_id } = entry.data as { from?: string | number, to?: string | number, changed?: string[], assignee_id?: string | null }
  const kind = entry.type.replace('task.', '')
  const named = {
    actor: entry.actor.id === null ? t('tasks.system') : entry.actor.name,
    from: kind === 'status_changed' ? t(`tasks.status_${from}`) : from,
    to: kind === 'status_changed' ? t(`tasks.status_${to}`) : to,
    fields: new Intl.ListFormat(locale, { type: 'conjunction' }).format((changed ?? []).map(name => t(`tasks.field_${name}`))),
    person: assignee_id ? nameOf(assignee_id) : '',
  }
  const form = kind === 'assigned' ? (assignee_id === null ? 'unassigned' : assignee_id === entry.actor.id ? 'taken' : 'assigned') : kind
  return t(`taskhistory.${KNOWN.has(form) ? form : 'changed'}.${who}`, named)
}

const KNOWN = new Set(['created', 'updated', 'status_changed', 'assigned', 'unassigned', 'taken', 'carried_over', 'commented'])

/** Things under the day on which they happened, in the reader's time zone, in the order they come. */
export function byDay<T extends { at: string }>(items: readonly T[], locale: string, now: number, words: Record<'today' | 'yesterday', string>) {
  const found = new Map<number, { label: string, items: T[] }>()
  for (const item of items) {
    const day = startOfDay(Date.parse(item.at))
    const ago = Math.round((startOfDay(now) - day) / 86_400_000)
    const label = ago === 0 ? words.today : ago === 1 ? words.yesterday : new Date(day).toLocaleDateString(locale, { dateStyle: 'full' })
    found.set(day, found.get(day) ?? { label, items: [] })
    found.get(day)!.items.push(item)
  }
  return [...found.values()]
}

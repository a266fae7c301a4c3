/** One thing that happened, as the home page and the activity page get it. */
export interface Activity {
  seq: number
  type: string
  at: string
  actor: { id: string | null, name: string } | null
  document: { id: string, name: string } | null
  task: { id: string, title: string } | null
  folder: { id: string, name: string } | null
  version: number | null
  comment: string | null
  /** The new status, where the status changed. */
  status?: string | null
  /** Who has it now, where the assignee changed. */
  person?: { id: string | null, name: string } | null
}

/** The kinds that the activity page can be narrowed to, and the events in each. */
export const ACTIVITY_KINDS = {
  versions: ['document.added', 'version.added', 'document.imported'],
  tasks: ['task.created', 'task.updated', 'task.status_changed', 'task.assigned', 'task.carried_over', 'task.commented', 'task.deleted'],
  places: ['document.renamed', 'document.moved', 'document.updated', 'document.trashed', 'document.restored', 'document.purged', 'folder.created', 'folder.renamed', 'folder.moved', 'folder.trashed', 'folder.restored', 'folder.access_changed'],
  locks: ['document.locked', 'document.unlocked'],
} as const
export type ActivityKind = keyof typeof ACTIVITY_KINDS

/** Which sentence tells it: `activity.<kind>.you` for one's own doing, `.other` for anybody else's. */
export function sentenceKey(activity: Activity, me: string, known: (key: string) => boolean): string {
  const who = activity.actor?.id && activity.actor.id === me ? 'you' : 'other'
  const tail = [
    activity.type === 'task.status_changed' && activity.status ? `task_${activity.status}` : '',
    activity.type === 'task.assigned' ? assignedKind(activity, me) : '',
    activity.comment ? `${flat(activity.type)}_comment` : '',
    flat(activity.type),
    activity.task ? 'task_changed' : activity.document ? 'document_changed' : activity.folder ? 'folder_changed' : 'something',
  ]
  return tail.filter(Boolean).map(kind => `activity.${kind}.${who}`).find(known) ?? `activity.something.${who}`
}

function assignedKind(activity: Activity, me: string): string {
  if (!activity.person) return activity.person === null ? 'task_unassigned' : ''
  if (activity.person.id === me) return activity.actor?.id === me ? 'task_taken' : 'task_assigned_you'
  return activity.person.id === activity.actor?.id ? 'task_taken' : 'task_assigned_to'
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

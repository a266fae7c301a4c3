import type { Status, TaskPatch } from '~/utils/tasks'

/** Every task that a page shows is one object, whoever loaded it: what is changed in the sheet is changed in the list. */
const held = new Map<string, Task>()
const busy = new Map<string, number>()

/** The one object of a task, brought up to what the server just said. */
export function holdTask(wire: Task): Task {
  const known = held.get(wire.id)
  if (!known) {
    const made = reactive({ ...wire }) as Task
    held.set(wire.id, made)
    return made
  }
  if (!busy.get(wire.id) && Number(wire.etag) >= Number(known.etag)) Object.assign(known, wire)
  return known
}

/** Whether some page has shown it, and what is known of it then. */
export const isHeld = (id: string): boolean => held.has(id)
export const heldTask = (id: string): Task | null => held.get(id) ?? null

/** Tasks that were deleted while a list showed them. */
export const goneTasks = reactive(new Set<string>())

/** A document has a newer version: its tasks know it at once. */
export function bumpHead(documentId: string, head: number) {
  for (const task of held.values()) {
    if (task.document_id !== documentId || task.document.head >= head) continue
    task.document.head = head
    task.behind = task.version < head
  }
}

type Outcome = 'saved' | 'theirs' | 'kept'
interface Conflict { mine: Task, theirs: Task, fields: (keyof TaskPatch)[], patch: TaskPatch, settle: (choice: 'mine' | 'theirs' | 'later') => void }

/** The changes that wait for a person to choose, after somebody else had changed the same. */
export const useTaskConflict = () => useState<Conflict | null>('task-conflict', () => null)

/** The verbs on tasks. Changes show at once; what is refused is rolled back with a message. */
export function useTasks() {
  const api = useApi()
  const tell = useTell()
  const { t } = useLocale()
  const conflict = useTaskConflict()
  const { byId } = useMembers()
  const { memberId } = useSession()

  const get = async (id: string) => holdTask(await ok(api.GET('/api/v1/tasks/{task_id}', { params: { path: { task_id: id } } })))

  const send = (task: Task, patch: TaskPatch) => ok(api.PATCH('/api/v1/tasks/{task_id}', {
    params: { path: { task_id: task.id }, header: { 'If-Match': `"${task.etag}"` } }, body: patch,
  }))

  /**
   * Change a task. `saved`; or `theirs`, chosen over this change after somebody else's; or `kept`: not saved, what was typed may stay.
   * `seen` is the task as it was when the person began to type: what came live since then is somebody else's change as well.
   */
  async function change(wire: Task, patch: TaskPatch, seen?: Task): Promise<Outcome> {
    const task = holdTask(wire)
    const before = { ...task }
    const base = seen ?? before
    const wanted = shown(patch, id => byId.value.get(id)?.name ?? '')
    Object.assign(task, wanted)
    busy.set(task.id, (busy.get(task.id) ?? 0) + 1)
    try {
      Object.assign(task, await send(base, patch))
      return 'saved'
    }
    catch (error) {
      Object.assign(task, Object.fromEntries(Object.keys(wanted).map(name => [name, before[name as keyof Task]])))
      if (error instanceof Problem && error.status === 412) return await merge(task, base, patch)
      tell.failed(t('tasks.not_saved', { title: before.title }), error, () => change(task, patch, seen))
      return 'kept'
    }
    finally {
      busy.set(task.id, (busy.get(task.id) ?? 1) - 1)
    }
  }

  /** Somebody was quicker: take both changes where they are about different things, else let the person choose. */
  async function merge(task: Task, before: Task, patch: TaskPatch): Promise<Outcome> {
    const theirs = await ok(api.GET('/api/v1/tasks/{task_id}', { params: { path: { task_id: task.id } } })).catch(() => null)
    if (!theirs) return 'kept'
    Object.assign(task, theirs)
    const fields = clashing(before, theirs, patch)
    if (!fields.length) return change(task, patch)
    const mine = { ...theirs, ...shown(patch, id => byId.value.get(id)?.name ?? '') }
    const choice = await new Promise<'mine' | 'theirs' | 'later'>(settle => (conflict.value = { mine, theirs, fields, patch, settle }))
    conflict.value = null
    return choice === 'mine' ? change(task, patch) : choice === 'theirs' ? 'theirs' : 'kept'
  }

  /** Another status, taken back from the message. */
  async function setStatus(task: Task, status: Status): Promise<void> {
    const before = task.status
    if (status === before || await change(task, { status }) !== 'saved') return
    tell.done(t(`tasks.now_${status}`, { title: task.title }), { run: () => change(task, { status: before }) })
  }

  /** Pin it to the newest version. */
  const carryOver = (task: Task) => change(task, { version: task.document.head })

  /** Hear of it, or no more. */
  async function watch(task: Task, on: boolean): Promise<void> {
    const me = memberId.value
    const before = task.watchers
    task.watchers = on ? [...before, me] : before.filter(id => id !== me)
    const path = { params: { path: { task_id: task.id } } }
    try {
      await ok(on ? api.PUT('/api/v1/tasks/{task_id}/watch', path) : api.DELETE('/api/v1/tasks/{task_id}/watch', path))
    }
    catch (error) {
      task.watchers = before
      tell.failed(t('tasks.not_saved', { title: task.title }), error)
    }
  }

  /** End it for good; true when it is gone. */
  async function remove(task: Task): Promise<boolean> {
    try {
      await ok(api.DELETE('/api/v1/tasks/{task_id}', { params: { path: { task_id: task.id }, header: { 'If-Match': `"${task.etag}"` } } }))
      goneTasks.add(task.id)
      tell.done(t('tasks.deleted', { title: task.title }))
      return true
    }
    catch (error) {
      tell.failed(t('tasks.not_deleted', { title: task.title }), error)
      return false
    }
  }

  return { get, change, setStatus, carryOver, watch, remove }
}

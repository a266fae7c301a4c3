/** The kinds of events that the stream names; a new kind on the server has to be added to be heard here. */
const KINDS = [
  'document.added', 'document.updated', 'document.moved', 'document.renamed', 'document.trashed', 'document.restored', 'document.purged',
  'document.locked', 'document.unlocked', 'document.imported', 'version.added',
  'upload.hashing', 'folder.created', 'folder.moved', 'folder.renamed', 'folder.trashed', 'folder.restored', 'folder.access_changed',
  'task.created', 'task.updated', 'task.status_changed', 'task.assigned', 'task.carried_over', 'task.deleted', 'task.commented',
  'member.added', 'member.updated', 'member.deactivated', 'member.reactivated', 'group.created', 'group.updated', 'group.deleted',
  'link.created', 'link.changed', 'link.removed', 'link.braked', 'link.released', 'link.broken', 'link.conflict', 'link.sent',
  'workspace.renamed', 'notice',
] as const

export interface LiveEvent {
  seq: number
  type: string
  at: string
  actor: { id: string, name: string } | null
  document_id: string | null
  folder_id: string | null
  task_id: string | null
  data: Record<string, unknown>
}

type Listener = (event: LiveEvent) => void
const listeners = new Set<Listener>()
let source: EventSource | undefined
let of: string | null = null

/**
 * Hear what happens in the workspace, as long as the component lives. One connection serves all who listen; the browser opens it
 * again by itself and goes on where it stopped.
 */
export function useLive(listener?: Listener) {
  const { workspace } = useSession()
  const online = useState('live', () => true)

  function open() {
    if (source && of === workspace.value && source.readyState !== EventSource.CLOSED) return
    source?.close()
    of = workspace.value
    source = new EventSource(`/api/v1/events/stream?workspace=${encodeURIComponent(of ?? '')}`)
    source.onopen = () => (online.value = true)
    source.onerror = () => {
      // A stream ends every 25 seconds and comes back at once; only one that does not come back means anything.
      const failed = source
      setTimeout(() => {
        if (source !== failed || failed?.readyState === EventSource.OPEN) return
        online.value = false
        if (failed?.readyState === EventSource.CLOSED) setTimeout(open, 5000)
      }, 4000)
    }
    const pass = (message: MessageEvent<string>) => {
      const event = { type: message.type, ...JSON.parse(message.data) } as LiveEvent
      for (const each of [...listeners]) each(event)
    }
    for (const kind of KINDS) source.addEventListener(kind, pass)
  }

  if (listener) {
    onMounted(() => listeners.add(listener))
    onBeforeUnmount(() => listeners.delete(listener))
  }
  return { open, online }
}

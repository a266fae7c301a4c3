export type Notice = Schemas['Notice']

/** What others did that concerns me: the last ones, how many are unread, and that they are read. One list for bell and page. */
export function useNotices() {
  const api = useApi()
  const tell = useTell()
  const { t } = useLocale()
  const unread = useState('unread', () => 0)
  const items = useState<Notice[]>('notices', () => [])
  const next = useState<string | null>('notices-next', () => null)
  const state = useState<'idle' | 'loading' | 'ready' | 'failed'>('notices-state', () => 'idle')
  const error = ref<unknown>(null)
  const busy = ref(false)

  async function load() {
    if (state.value !== 'ready') state.value = 'loading'
    try {
      const page = await ok(api.GET('/api/v1/notices', { params: { query: { limit: 30 } } }))
      // Older pages that were read stay; what came since is put on top.
      const oldest = page.items.at(-1)
      const at = oldest ? items.value.findIndex(each => each.id === oldest.id) : -1
      items.value = at < 0 ? page.items : [...page.items, ...items.value.slice(at + 1)]
      if (at < 0) next.value = page.next
      state.value = 'ready'
    }
    catch (caught) {
      error.value = caught
      if (!items.value.length) state.value = 'failed'
    }
  }

  async function more() {
    if (!next.value || busy.value) return
    busy.value = true
    try {
      const page = await ok(api.GET('/api/v1/notices', { params: { query: { limit: 30, after: next.value } } }))
      const known = new Set(items.value.map(each => each.id))
      items.value = [...items.value, ...page.items.filter(each => !known.has(each.id))]
      next.value = page.next
    }
    catch (caught) {
      tell.failed(t('app.failed'), caught, more)
    }
    busy.value = false
  }

  async function count() {
    const answer = await ok(api.GET('/api/v1/notices/unread')).catch(() => null)
    if (answer) unread.value = answer.count
  }

  /** Mark as read: these, or all. */
  async function read(ids: string[] | 'all') {
    const before = items.value
    const hit = (each: Notice) => !each.read && (ids === 'all' || ids.includes(each.id))
    const hits = before.filter(hit).length
    if (ids !== 'all' && !hits) return
    items.value = before.map(each => (hit(each) ? { ...each, read: true } : each))
    try {
      const body = ids === 'all' ? { all: true, ids: [] } : { all: false, ids }
      unread.value = (await ok(api.POST('/api/v1/notices/read', { body }))).count
    }
    catch (caught) {
      items.value = before
      tell.failed(t('notices.not_marked'), caught)
    }
  }

  /** Follow what comes; called once, by the bell. */
  function follow() {
    useLive((event) => {
      if (event.type !== 'notice') return
      const now = Number((event as unknown as { unread: number }).unread)
      const changed = now !== unread.value
      unread.value = now
      if (changed && state.value === 'ready') void load()
    })
    onMounted(count)
  }
  return { unread, items, next, state, error, busy, load, more, read, follow }
}

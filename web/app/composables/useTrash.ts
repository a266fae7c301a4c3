const PAGE = 100
const WIDTH = 4

/** What lies in the trash, newest first, and the verbs on it. */
export function useTrash() {
  const api = useApi()
  const tell = useTell()
  const { t } = useLocale()
  const items = shallowRef<Doc[]>([])
  const next = ref<string | null>(null)
  const state = ref<'loading' | 'done' | 'failed'>('loading')
  const more = ref(false)
  const error = ref<unknown>(null)
  const days = ref<number | null>(null)
  const chosen = shallowRef<ReadonlySet<string>>(new Set())
  /** Documents whose name or folder is taken meanwhile: the person chooses. */
  const taken = shallowRef<Doc[]>([])

  const ask = (after?: string) =>
    ok(api.GET('/api/v1/documents', { params: { query: { trashed: true, sort: '-updated_at', limit: PAGE, after } } }))

  async function load() {
    try {
      const page = await ask()
      items.value = page.items
      next.value = page.next
      state.value = 'done'
      keepChosen()
    }
    catch (fault) {
      error.value = fault
      if (state.value !== 'done') state.value = 'failed'
    }
  }
  async function loadMore() {
    if (!next.value || more.value) return
    more.value = true
    try {
      const page = await ask(next.value)
      const there = new Set(items.value.map(each => each.id))
      items.value = [...items.value, ...page.items.filter(each => !there.has(each.id))]
      next.value = page.next
    }
    catch (fault) {
      tell.failed(t('documents.page_failed'), fault, loadMore)
    }
    finally {
      more.value = false
    }
  }
  async function loadDays() {
    const found = await ok(api.GET('/api/v1/workspace')).catch(() => null)
    days.value = found?.trash_days ?? null
  }

  function toggle(id: string) {
    const wanted = new Set(chosen.value)
    if (!wanted.delete(id)) wanted.add(id)
    chosen.value = wanted
  }
  const toggleAll = () => (chosen.value = chosen.value.size === items.value.length ? new Set() : new Set(items.value.map(each => each.id)))
  function keepChosen() {
    const there = new Set(items.value.map(each => each.id))
    chosen.value = new Set([...chosen.value].filter(id => there.has(id)))
  }
  function remove(ids: readonly string[]) {
    const gone = new Set(ids)
    items.value = items.value.filter(each => !gone.has(each.id))
    keepChosen()
  }
  const what = (documents: readonly Doc[]) => t('documents.n_things', { n: documents.length, name: documents[0]?.name ?? '' }, documents.length)

  /** Back to where they were, with their folders. A taken name is asked about. */
  async function restore(documents: readonly Doc[], onConflict: 'error' | 'rename' = 'error') {
    const outcomes = await pooled(documents, WIDTH, each => ok(api.POST('/api/v1/documents/{document_id}/restore', {
      params: { path: { document_id: each.id } }, body: { on_conflict: onConflict },
    })))
    const back = outcomes.filter(each => each.error === undefined)
    const refused = outcomes.filter(each => each.error !== undefined)
    const isTaken = (each: { error?: unknown }) => each.error instanceof Problem && each.error.code === 'name_taken'
    remove(back.map(each => each.item.id))
    taken.value = refused.filter(isTaken).map(each => each.item)
    const other = refused.filter(each => !isTaken(each))
    if (other.length) tell.failed(t('documents.restore_failed', { what: what(other.map(each => each.item)) }), other[0]!.error)
    if (back.length === 1 && back[0]!.value) {
      const document = back[0]!.value
      tell.done(t('documents.restored', { what: document.name }), { label: t('trash.show'), run: () => navigateTo(`/documents?folder=${document.folder_id}`) })
    }
    else if (back.length) tell.done(t('documents.restored', { what: what(back.map(each => each.item)) }))
  }

  /** End them for good. */
  async function purge(documents: readonly Doc[]) {
    const outcomes = await pooled(documents, WIDTH, each => ok(api.DELETE('/api/v1/documents/{document_id}', {
      params: { path: { document_id: each.id }, query: { purge: true } },
    })))
    const gone = outcomes.filter(each => each.error === undefined).map(each => each.item)
    const refused = outcomes.filter(each => each.error !== undefined)
    remove(gone.map(each => each.id))
    if (refused.length) tell.failed(t('trash.purge_failed', { what: what(refused.map(each => each.item)) }), refused[0]!.error)
    if (gone.length) tell.done(t('trash.purged', { what: what(gone) }))
  }

  let timer: ReturnType<typeof setTimeout> | undefined
  useLive((event) => {
    if (event.type === 'document.restored' || event.type === 'document.purged') remove(event.document_id ? [event.document_id] : [])
    else if (event.type === 'document.trashed') timer ??= setTimeout(() => (timer = undefined, void load()), 500)
  })
  onScopeDispose(() => clearTimeout(timer))

  return { items, next, state, more, error, days, chosen, taken, load, loadMore, loadDays, toggle, toggleAll, restore, purge, what }
}

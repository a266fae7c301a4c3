const PAGE = 200
const KEPT = 5
const SINGLY = 12
const PATIENCE = 250

/** A list as far as it was loaded, so that coming back finds it where it was left. */
interface Kept { documents: Doc[], next: string | null, scroll: number, active: string | null }
const kept = new Map<string, Kept>()

/**
 * What lies in a folder: folders first, then documents, page after page as they are wanted. Follows what happens live without moving
 * what is in view. `folderId` null: not known yet.
 */
export function useDocuments(folderId: Readonly<Ref<string | null>>, query: Readonly<Ref<ListQuery>>) {
  const api = useApi()
  const folders = useFolders()
  const { learn } = useTags()
  const documents = shallowRef<Doc[]>([])
  const next = ref<string | null>(null)
  const state = ref<'loading' | 'done' | 'failed'>('loading')
  const more = ref<'idle' | 'loading' | 'failed'>('idle')
  const error = ref<unknown>(null)
  const memory = reactive<{ scroll: number, active: string | null }>({ scroll: 0, active: null })
  const key = computed(() => JSON.stringify([folderId.value, query.value]))
  let turn = 0

  const shownFolders = computed(() => {
    if (!folderId.value || isFiltered(query.value)) return []
    const ids = folders.branches.get(folderId.value)?.ids ?? []
    const found = ids.map(id => folders.known.get(id)).filter(each => each !== undefined)
    return query.value.sort === 'name' ? found : found.sort((a, b) => compareFolders(a, b, query.value.sort))
  })
  const count = computed(() => shownFolders.value.length + documents.value.length)
  const places = computed(() => {
    const found = new Map<string, number>()
    shownFolders.value.forEach((folder, at) => found.set(folder.id, at))
    documents.value.forEach((document, at) => found.set(document.id, shownFolders.value.length + at))
    return found
  })
  const indexOf = (id: string | null): number => (id === null ? -1 : places.value.get(id) ?? -1)
  const idAt = (index: number): string | undefined => {
    const before = shownFolders.value.length
    return index < before ? shownFolders.value[index]?.id : documents.value[index - before]?.id
  }
  function rowAt(index: number): Row | undefined {
    const before = shownFolders.value.length
    if (index < before) return shownFolders.value[index] && folderRow(shownFolders.value[index])
    const document = documents.value[index - before]
    return document && documentRow(document)
  }
  const rowOf = (id: string): Row | undefined => rowAt(indexOf(id))

  function ask(after?: string) {
    const { sort, type, tag, author, tasks } = query.value
    const wanted = {
      folder_id: folderId.value, sort, type: type ?? undefined, tag: tag ?? undefined, author: author ?? undefined,
      has_open_tasks: tasks || undefined, limit: PAGE, after,
    }
    return ok(api.GET('/api/v1/documents', { params: { query: wanted } }))
  }

  /** Show the folder: what is kept of it at once, and the truth as soon as it comes. */
  async function load(): Promise<void> {
    if (!folderId.value) return
    const mine = ++turn
    const found = kept.get(key.value)
    state.value = found ? 'done' : 'loading'
    more.value = 'idle'
    error.value = null
    documents.value = found?.documents ?? []
    next.value = found?.next ?? null
    Object.assign(memory, { scroll: found?.scroll ?? 0, active: found?.active ?? null })
    try {
      const branch = folders.loadChildren(folderId.value)
      if (found) return await Promise.all([branch, refresh()]).then(() => undefined)
      const page = await ask()
      await branch
      if (mine !== turn) return
      const failed = folders.branches.get(folderId.value)
      if (failed?.state === 'failed') throw failed.error
      learn(page.items)
      documents.value = page.items
      next.value = page.next
      state.value = 'done'
    }
    catch (fault) {
      if (mine !== turn) return
      error.value = fault
      state.value = 'failed'
    }
  }

  /** The next page, if there is one. */
  async function loadMore(): Promise<void> {
    if (!next.value || more.value === 'loading') return
    const mine = turn
    more.value = 'loading'
    try {
      const page = await ask(next.value)
      if (mine !== turn) return
      learn(page.items)
      const there = new Set(documents.value.slice(-2 * PAGE).map(each => each.id))
      documents.value.push(...page.items.filter(each => !there.has(each.id)))
      next.value = page.next
      more.value = 'idle'
      triggerRef(documents)
    }
    catch {
      if (mine === turn) more.value = 'failed'
    }
  }

  /** All of it, until `stopped` says no. */
  async function loadAll(stopped: () => boolean): Promise<void> {
    while (next.value && !stopped() && more.value !== 'failed') {
      if (more.value === 'loading') await new Promise(resolve => setTimeout(resolve, 20))
      else await loadMore()
    }
  }

  /** Read again what is loaded, however long it is, and put it in place of what is shown. */
  async function refresh(): Promise<void> {
    const mine = turn
    const wanted = Math.max(documents.value.length, PAGE)
    const fresh: Doc[] = []
    let after: string | undefined
    do {
      const page = await ask(after)
      if (mine !== turn) return
      fresh.push(...page.items)
      after = page.next ?? undefined
    } while (after && fresh.length < wanted)
    learn(fresh)
    documents.value = fresh
    next.value = after ?? null
  }

  /** Take in a document as it is now: where it belongs, or out. */
  function put(document: Doc) {
    learn([document])
    const rest = documents.value
    const at = rest.findIndex(each => each.id === document.id)
    const belongs = document.folder_id === folderId.value && !document.trashed_at && matches(document, query.value)
    if (at >= 0 && belongs && compareDocuments(rest[at]!, document, query.value.sort) === 0) {
      rest[at] = document
    }
    else {
      if (at >= 0) rest.splice(at, 1)
      const place = insertAt(rest, document, query.value.sort)
      if (belongs && (place < rest.length || !next.value)) rest.splice(place, 0, document)
    }
    triggerRef(documents)
  }

  function remove(ids: readonly string[]) {
    const gone = new Set(ids)
    documents.value = documents.value.filter(each => !gone.has(each.id))
  }

  // Live: single changes one by one, a flood of them (a large upload) by reading what is loaded once more.
  const waiting = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  function touch(id: string) {
    waiting.add(id)
    timer ??= setTimeout(settle, waiting.size > 1 ? PATIENCE + documents.value.length / 10 : PATIENCE)
  }
  async function settle() {
    const ids = [...waiting]
    waiting.clear()
    try {
      if (ids.length > SINGLY) await refresh()
      else await Promise.all(ids.map(reread))
    }
    catch {
      // The next event or the next visit tells.
    }
    timer = undefined
    if (waiting.size) timer = setTimeout(settle, PATIENCE + documents.value.length / 10)
  }
  async function reread(id: string) {
    const mine = turn
    try {
      const document = await ok(api.GET('/api/v1/documents/{document_id}', { params: { path: { document_id: id } } }))
      if (mine === turn) put(document)
    }
    catch (fault) {
      if (fault instanceof Problem && fault.status === 404 && mine === turn) remove([id])
    }
  }
  function follow(event: LiveEvent) {
    if (event.type.startsWith('folder.')) {
      void folders.follow(event)
      if (event.type === 'folder.access_changed') void refresh().catch(() => undefined)
      return
    }
    const id = event.document_id
    if (!id) return
    if (event.type === 'document.trashed' || event.type === 'document.purged') remove([id])
    else if (places.value.has(id) || event.folder_id === folderId.value) touch(id)
  }
  useLive(follow)

  function keep() {
    if (state.value !== 'done' || !folderId.value) return
    kept.delete(lastKey)
    kept.set(lastKey, { documents: documents.value, next: next.value, ...memory })
    if (kept.size > KEPT) kept.delete(kept.keys().next().value!)
  }
  let lastKey = ''
  watch(key, (now) => {
    keep()
    lastKey = now
    void load()
  }, { immediate: true })
  onScopeDispose(() => {
    keep()
    clearTimeout(timer)
    turn += 1
  })

  const remember = (what: Partial<typeof memory>) => Object.assign(memory, what)
  return {
    documents, shownFolders, count, next, state, more, error, memory, indexOf, idAt, rowAt, rowOf,
    load, loadMore, loadAll, refresh, put, remove, touch, remember,
  }
}
export type Listing = ReturnType<typeof useDocuments>

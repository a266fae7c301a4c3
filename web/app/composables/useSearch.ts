/** A document that was found, and a piece of it: texts, each with whether it is what was looked for. */
export type Found = Schemas['DocumentHit']
export type Snippet = Found['snippet']
export type Everything = Schemas['Findings']

const NOTHING: Everything = { documents: [], tasks: [], people: [] }
const PATIENCE = 150

/** What the palette finds while somebody types: waits for a pause, and a newer question ends the older one. */
export function useQuickSearch(limit = 8) {
  const found = ref<Everything>(NOTHING)
  const loading = ref(false)
  const error = ref<unknown>(null)
  const asked = ref('')
  let timer: ReturnType<typeof setTimeout> | undefined
  let running: AbortController | undefined

  function stop() {
    clearTimeout(timer)
    running?.abort()
    running = undefined
  }

  function look(text: string) {
    stop()
    const q = text.trim()
    loading.value = q !== ''
    if (q) timer = setTimeout(() => void run(q), PATIENCE)
    else [found.value, asked.value, error.value] = [NOTHING, '', null]
  }

  async function run(q: string) {
    const mine = running = new AbortController()
    try {
      const answer = await searchAll(q, limit, mine.signal)
      if (mine.signal.aborted) return
      found.value = answer
      error.value = null
      asked.value = q
    }
    catch (fault) {
      if (mine.signal.aborted) return
      error.value = fault
    }
    if (running === mine) loading.value = false
  }
  onScopeDispose(stop)
  return { found, loading, error, asked, look }
}

/** Documents, tasks and people at once. */
export function searchAll(q: string, limit: number, signal?: AbortSignal): Promise<Everything> {
  // The client's types make plain lists of the pairs.
  return ok(useApi().GET('/api/v1/search', { params: { query: { q, limit } }, signal })) as Promise<Everything>
}

export interface Question { q: string, tag?: string, type?: string }

/** The result page: documents with snippets, page after page. */
export function useResults(question: () => Question) {
  const items = ref<Found[]>([])
  const next = ref<string | null>(null)
  const state = ref<'idle' | 'loading' | 'more' | 'done' | 'failed'>('idle')
  const error = ref<unknown>(null)
  let running: AbortController | undefined

  async function load(after: string | null = null) {
    running?.abort()
    const mine = running = new AbortController()
    const { q, tag, type } = question()
    if (!q.trim()) {
      items.value = []
      state.value = 'idle'
      return
    }
    state.value = after ? 'more' : 'loading'
    try {
      const query = { q, tag: tag || undefined, type: type || undefined, after: after ?? undefined, limit: 30 }
      const page = await ok(useApi().GET('/api/v1/search/documents', { params: { query }, signal: mine.signal })) as Schemas['DocumentHitPage']
      if (mine.signal.aborted) return
      items.value = after ? [...items.value, ...page.items] : page.items
      next.value = page.next
      state.value = 'done'
    }
    catch (fault) {
      if (mine.signal.aborted) return
      error.value = fault
      state.value = 'failed'
    }
  }
  watch(question, () => void load(), { immediate: true, deep: true })
  onScopeDispose(() => running?.abort())
  return { items, next, state, error, load: () => load(), more: () => load(next.value) }
}

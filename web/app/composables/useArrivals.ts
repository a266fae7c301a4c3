const LOOK_AGAIN = 3000
const SHOWN = 5

/**
 * What is about to be there, in a folder or as a version of a document: its bytes are all here and are read once more. Looked at again
 * as long as there is something. `of` null: not known yet.
 */
export function useArrivals(of: () => { folder_id: string } | { document_id: string } | null) {
  const api = useApi()
  const items = shallowRef<Arrival[]>([])
  const more = ref(false)
  let turn = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  async function load() {
    clearTimeout(timer)
    const mine = ++turn
    const place = of()
    const page = place && await ok(api.GET('/api/v1/arrivals', { params: { query: { ...place, limit: SHOWN } } })).catch(() => null)
    if (mine !== turn) return
    if (page) {
      items.value = page.items
      more.value = page.next !== null
    }
    if (items.value.length) timer = setTimeout(load, LOOK_AGAIN)
  }

  watch(() => JSON.stringify(of()), () => {
    items.value = []
    void load()
  }, { immediate: true })
  useLive((event) => {
    if (event.type === 'upload.hashing' || (items.value.length && ['document.added', 'version.added'].includes(event.type))) void load()
  })
  onScopeDispose(() => {
    clearTimeout(timer)
    turn += 1
  })
  return { items, more }
}

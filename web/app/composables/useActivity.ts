/** All that happened, newest first. What happens while one reads is counted and shown when one wants it. */
export function useActivity(kind: Ref<ActivityKind | null>, documentId?: string) {
  const api = useApi()
  const items = shallowRef<Activity[]>([])
  const state = ref<'loading' | 'ready' | 'failed'>('loading')
  const error = ref<unknown>(null)
  const next = ref<string | null>(null)
  const busy = ref(false)
  const fresh = ref(0)
  let asking = 0

  const page = (after?: string) => {
    const types = kind.value ? [...ACTIVITY_KINDS[kind.value]] : undefined
    return ok(api.GET('/api/v1/activity', { params: { query: { document_id: documentId, types, after, limit: 50 } } }))
  }

  async function load() {
    const mine = ++asking
    busy.value = true
    try {
      const got = await page()
      if (mine !== asking) return
      items.value = got.items
      next.value = got.next
      fresh.value = 0
      state.value = 'ready'
      // A page may be empty and still have a next one.
      if (!got.items.length && got.next) await more(true)
    }
    catch (caught) {
      if (mine !== asking) return
      error.value = caught
      state.value = 'failed'
    }
    finally {
      if (mine === asking) busy.value = false
    }
  }

  async function more(force = false) {
    if (!next.value || (busy.value && !force)) return
    const mine = asking
    busy.value = true
    try {
      let added = 0
      while (next.value && added === 0) {
        const got = await page(next.value)
        if (mine !== asking) return
        items.value = [...items.value, ...got.items]
        next.value = got.next
        added = got.items.length
      }
    }
    catch {
      // The button stays: it is the way to try again.
    }
    finally {
      if (mine === asking) busy.value = false
    }
  }

  const wanted = computed<Set<string>>(() => new Set(kind.value ? ACTIVITY_KINDS[kind.value] : Object.values(ACTIVITY_KINDS).flat()))
  useLive(event => wanted.value.has(event.type) && (!documentId || event.document_id === documentId) && (fresh.value += 1))

  watch(kind, () => {
    items.value = []
    state.value = 'loading'
    void load()
  }, { immediate: true })
  return { items, state, error, next, busy, fresh, load, more }
}

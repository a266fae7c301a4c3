/** One thing that is loaded, and stays on the screen when a later look fails; but not when it is gone. */
export function useOne<T>(fetch: () => Promise<T>) {
  const one = shallowRef<T | null>(null)
  const error = ref<unknown>(null)

  async function load() {
    try {
      one.value = await fetch()
      error.value = null
    }
    catch (fault) {
      if (!one.value || (fault instanceof Problem && fault.status === 404)) error.value = fault
    }
  }
  return { one, error, load }
}

/** A list, a page at a time, loaded anew when the view of it changes. What was turned to beyond the first page stays there. */
export function usePaged<T extends { id: string }>(view: Ref<unknown>, fetchPage: (after?: string) => Promise<{ items: T[], next: string | null }>) {
  const tell = useTell()
  const { t } = useLocale()
  const items = shallowRef<T[]>([])
  const next = ref<string | null>(null)
  const state = ref<'loading' | 'done' | 'failed'>('loading')
  const error = ref<unknown>(null)
  let asking = 0
  let beyond = false

  async function load() {
    const mine = ++asking
    try {
      const got = await fetchPage()
      if (mine !== asking) return
      items.value = beyond ? [...got.items, ...after(got.items)] : got.items
      if (!beyond) next.value = got.next
      state.value = 'done'
    }
    catch (fault) {
      if (mine !== asking) return
      error.value = fault
      if (state.value !== 'done') state.value = 'failed'
    }
  }
  /** What is on the screen behind the last of these. */
  function after(first: T[]) {
    const ids = new Set(first.map(item => item.id))
    const last = items.value.findLastIndex(item => ids.has(item.id))
    return items.value.slice(last + 1)
  }
  async function more() {
    const mine = asking
    try {
      const got = await fetchPage(next.value ?? undefined)
      if (mine !== asking) return
      beyond = true
      items.value = [...items.value, ...got.items]
      next.value = got.next
    }
    catch (fault) {
      tell.failed(t('documents.page_failed'), fault, more)
    }
  }
  const put = (item: T) => (items.value = items.value.map(each => (each.id === item.id ? item : each)))
  watch(view, () => {
    items.value = []
    beyond = false
    state.value = 'loading'
    void load()
  })
  return { items, next, state, error, load, more, put }
}

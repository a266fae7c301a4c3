import type { Status } from '~/utils/tasks'

const PAGE = 100

/**
 * The tasks that filters ask for, page by page, kept up to date by what happens. A row that no longer fits stays where it is until the
 * list is read anew: nothing jumps away under the pointer.
 */
export function useTaskList(filters: ComputedRef<TaskFilters>) {
  const api = useApi()
  const { get } = useTasks()
  const { memberId } = useSession()
  const tell = useTell()
  const { t } = useLocale()
  const found = ref<Task[]>([]) as Ref<Task[]>
  const state = ref<'loading' | 'ready' | 'failed'>('loading')
  const error = ref<unknown>(null)
  /** By part (a part for the list, one a column for the board): where the next page begins. */
  const next = reactive(new Map<string, string | null>())
  const closed = new Set<string>()
  let asking = 0

  const parts = computed(() => (filters.value.view === 'board' ? filters.value.statuses.map(name => [name]) : [filters.value.statuses]))
  const partOf = (statuses: Status[]) => statuses.join()
  const tasks = computed(() => {
    const { text } = filters.value
    return found.value.filter(task => !goneTasks.has(task.id) && (!text || hasText(task, text))).sort(byDue)
  })

  async function page(statuses: Status[], after: string | undefined) {
    const query = { ...askedOf(filters.value, Date.now()), status: statuses, limit: PAGE, after }
    return await ok(api.GET('/api/v1/tasks', { params: { query } }))
  }

  async function load() {
    const mine = ++asking
    state.value = found.value.length ? state.value : 'loading'
    try {
      const pages = await Promise.all(parts.value.map(statuses => page(statuses, undefined)))
      if (mine !== asking) return
      next.clear()
      parts.value.forEach((statuses, index) => next.set(partOf(statuses), pages[index]!.next))
      closed.clear()
      found.value = pages.flatMap(each => each.items).map(keep)
      error.value = null
      state.value = 'ready'
      if (filters.value.text) void readAll(mine)
    }
    catch (caught) {
      if (mine !== asking) return
      error.value = caught
      state.value = 'failed'
    }
  }

  function keep(wire: Task): Task {
    const task = holdTask(wire)
    if (!isOpenTask(task)) closed.add(task.id)
    return task
  }

  const hasMore = (statuses = filters.value.statuses) => Boolean(next.get(partOf(statuses)))
  const busy = ref(false)
  async function more(statuses = filters.value.statuses) {
    const after = next.get(partOf(statuses))
    if (!after || busy.value) return
    const mine = asking
    busy.value = true
    try {
      const got = await page(statuses, after)
      if (mine !== asking) return
      next.set(partOf(statuses), got.next)
      add(got.items)
    }
    catch (caught) {
      tell.failed(t('app.failed'), caught, () => more(statuses))
    }
    finally {
      busy.value = false
    }
  }

  /** A text is looked for in all of them. */
  async function readAll(mine: number) {
    while (mine === asking && parts.value.some(hasMore)) {
      for (const statuses of parts.value) await more(statuses)
      if (found.value.length > 5000) return
    }
  }

  function add(wires: Task[]) {
    const known = new Set(found.value.map(task => task.id))
    found.value = [...found.value, ...wires.filter(wire => !known.has(wire.id)).map(keep)]
  }

  const news = new Set<string>()
  let timer: ReturnType<typeof setTimeout> | undefined
  async function catchUp() {
    timer = undefined
    const ids = [...news].filter(id => !found.value.some(task => task.id === id))
    news.clear()
    if (ids.length > 20) return load()
    for (const id of ids) {
      const task = await get(id).catch(() => null)
      if (task && belongs(task, filters.value, memberId.value, Date.now())) add([task])
    }
  }
  useLive((event) => {
    if (!event.task_id || event.type === 'task.deleted') return
    news.add(event.task_id)
    timer ??= setTimeout(catchUp, 200)
  })
  onBeforeUnmount(() => clearTimeout(timer))

  const asked = computed(() => JSON.stringify([{ ...filters.value, text: '', group: '' }]))
  watch(asked, () => {
    found.value = []
    void load()
  }, { immediate: true })
  watch(() => filters.value.text, text => text && void readAll(asking))

  /** Whether it was closed when it came: one that was closed since stays under its head. */
  const wasClosed = (task: Task) => closed.has(task.id) && !isOpenTask(task)
  return { tasks, state, error, busy, load, more, hasMore, add, wasClosed }
}

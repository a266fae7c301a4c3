export type HomeView = Schemas['Home']

const TOUCHES = /^(document|version|folder|task)\./
let flight: Promise<HomeView> | undefined

/** The home page's one request; who asks while it is under way gets the same answer. */
export function readHome(): Promise<HomeView> {
  flight ??= ok(useApi().GET('/api/v1/home')).finally(() => setTimeout(() => (flight = undefined), 500))
  return flight
}

/** What waits for me, what I touched, and what happened: read at once, and again when something happens. */
export function useHome() {
  const home = shallowRef<HomeView | null>(null)
  const error = ref<unknown>(null)
  const counts = useCounts()
  const { memberId } = useSession()
  const kept = ref<Task[]>([]) as Ref<Task[]>

  /** Those that were closed meanwhile stay until the page is left: nothing jumps away. */
  const tasks = computed(() => kept.value
    .filter(task => !goneTasks.has(task.id) && task.assignee?.id === memberId.value).sort(byDue))

  async function load() {
    try {
      const next = await readHome()
      const ids = new Set(next.tasks.map(task => task.id))
      kept.value = [...next.tasks.map(holdTask), ...kept.value.filter(task => !isOpenTask(task) && !ids.has(task.id))]
      home.value = next
      counts.value = next.counts
      error.value = null
    }
    catch (caught) {
      error.value = caught
    }
  }

  let timer: ReturnType<typeof setTimeout> | undefined
  useLive((event) => {
    if (!TOUCHES.test(event.type)) return
    clearTimeout(timer)
    timer = setTimeout(load, 800)
  })
  onMounted(load)
  onBeforeUnmount(() => clearTimeout(timer))
  return { home, tasks, error, load }
}

/** Documents to try things out with: made and taken away in one go. */
export function useSamples(changed: () => unknown) {
  const api = useApi()
  const tell = useTell()
  const { t } = useLocale()
  const busy = ref(false)

  async function run(work: () => Promise<unknown>, done: string, failed: string) {
    busy.value = true
    try {
      await work()
      tell.done(t(done))
      await changed()
    }
    catch (error) {
      tell.failed(t(failed), error)
    }
    finally {
      busy.value = false
    }
  }
  const add = () => run(() => ok(api.POST('/api/v1/samples', {})), 'home.samples_added', 'home.samples_not_added')
  const remove = () => run(() => ok(api.DELETE('/api/v1/samples', {})), 'home.samples_removed', 'home.samples_not_removed')
  return { busy, add, remove }
}

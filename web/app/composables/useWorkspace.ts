export type Workspace = Schemas['Workspace']
export type Job = Schemas['Job']

/** The workspace in use: read, renamed, rid of its samples. */
export function useWorkspace() {
  const workspace = ref<Workspace | null>(null)
  const samples = ref(false)
  const error = ref<unknown>(null)
  const session = useSession()

  async function load() {
    error.value = null
    try {
      workspace.value = await ok(useApi().GET('/api/v1/workspace'))
      const home = await ok(useApi().GET('/api/v1/home')).catch(() => null)
      samples.value = home?.has_samples ?? false
    }
    catch (fault) {
      error.value = fault
    }
  }
  async function rename(name: string) {
    workspace.value = await ok(useApi().PATCH('/api/v1/workspace', { body: { name } }))
    await session.load()
  }
  async function removeSamples() {
    await ok(loose().DELETE('/api/v1/samples'))
    await load()
  }
  return { workspace, samples, error, load, rename, removeSamples }
}

// Being added to openapi.json; until the types have it, by name.
const loose = () => useApi() as unknown as { DELETE: (path: string) => Promise<{ error?: unknown, response: Response }> }

/** Work that goes on behind the screen. Looks again by itself as long as somebody looks. */
export function useJobs(state: () => Job['state'] | undefined) {
  const items = ref<Job[]>([])
  const next = ref<string | null>(null)
  const loading = ref<'loading' | 'done' | 'failed'>('loading')
  const error = ref<unknown>(null)
  const at = ref<Date | null>(null)
  const EVERY = 5000
  let pages = 1
  let round = 0

  async function read(): Promise<[Job[], string | null]> {
    const all: Job[] = []
    let after: string | null = null
    for (let page = 0; page < pages && (page === 0 || after); page += 1) {
      const query = { state: state(), after: after ?? undefined, limit: 50 }
      const answer: Schemas['JobPage'] = await ok(useApi().GET('/api/v1/jobs', { params: { query } }))
      all.push(...answer.items)
      after = answer.next
    }
    return [all, after]
  }
  async function load() {
    const mine = ++round
    try {
      const [all, after] = await read()
      if (mine !== round) return
      items.value = all
      next.value = after
      loading.value = 'done'
      at.value = new Date()
    }
    catch (fault) {
      if (mine !== round) return
      error.value = fault
      if (loading.value !== 'done') loading.value = 'failed'
    }
  }
  function more() {
    pages += 1
    return load()
  }
  async function retry(job: Job) {
    const again = await ok(useApi().POST('/api/v1/jobs/{job_id}/retry', { params: { path: { job_id: job.id } } }))
    items.value = items.value.map(each => (each.id === job.id ? again : each))
  }
  watch(state, () => {
    pages = 1
    loading.value = 'loading'
    void load()
  }, { immediate: true })
  const timer = setInterval(() => document.visibilityState === 'visible' && void load(), EVERY)
  onScopeDispose(() => clearInterval(timer))
  return { items, next, loading, error, at, load, more, retry }
}

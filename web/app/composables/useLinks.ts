export type LinkChange = Schemas['LinkChange']
export type NewLink = Schemas['NewLink']
export type ItemView = 'all' | 'conflicts' | 'failed' | 'held'

/** Looks again now and then, as long as the page is in front of somebody: runs of a link are not told of one by one. */
function useAgain(look: () => Promise<unknown>, seconds: () => number) {
  let timer: ReturnType<typeof setTimeout> | undefined
  async function turn() {
    if (document.visibilityState === 'visible') await look()
    timer = setTimeout(turn, seconds() * 1000)
  }
  onMounted(() => (timer = setTimeout(turn, seconds() * 1000)))
  onBeforeUnmount(() => {
    clearTimeout(timer)
    seconds = () => 3600
  })
}
const QUIET = 20
const BUSY = 2

/** The workspace's links with other systems. */
export function useLinks() {
  const api = useApi()
  const list = useList<Link>(after => ok(api.GET('/api/v1/links', { params: { query: { after, limit: 200 } } })))
  useLive(event => void (event.type.startsWith('link.') && event.type !== 'link.sent' && list.load()))
  useAgain(list.load, () => (list.items.value.some(link => healthOf(link) === 'working') ? BUSY : QUIET))
  return list
}

/** What is found at a place before there is a link. Raises a Problem. */
export async function tryPlace(place: LinkPlace, credentials: Record<string, string>): Promise<string> {
  return (await ok(useApi().POST('/api/v1/link_tests', { body: { place, credentials } }))).found
}

export const makeLink = (body: NewLink): Promise<Link> => ok(useApi().POST('/api/v1/links', { body }))

/** One link and the verbs on it. */
export function useOneLink(id: string) {
  const api = useApi()
  const tell = useTell()
  const { t } = useLocale()
  const params = { path: { link_id: id } }
  const { one: link, error, load } = useOne<Link>(() => ok(api.GET('/api/v1/links/{link_id}', { params })))
  /** Do it, and show how the link stands then; what is refused is said. */
  async function act(call: Promise<Link>, said: string, refused: string) {
    try {
      link.value = await call
      tell.done(said)
    }
    catch (fault) {
      tell.failed(refused, fault)
    }
  }
  const run = () => act(ok(api.POST('/api/v1/links/{link_id}/run', { params })), t('integrations.run_said'), t('integrations.not_run'))
  const resync = () => act(ok(api.POST('/api/v1/links/{link_id}/resync', { params })), t('integrations.resync_said'), t('integrations.not_run'))
  const release = () => act(ok(api.POST('/api/v1/links/{link_id}/release', { params })), t('integrations.release_said'), t('integrations.not_released'))
  const pause = (paused: boolean) =>
    act(patch({ paused }), t(paused ? 'integrations.pause_said' : 'integrations.go_on_said'), t('integrations.not_changed'))

  const patch = (body: LinkChange) => ok(api.PATCH('/api/v1/links/{link_id}', { params, body }))
  /** Raises a Problem, for the form to show. */
  async function change(body: LinkChange) {
    link.value = await patch(body)
  }
  const end = () => ok(api.DELETE('/api/v1/links/{link_id}', { params }))
  const rights = () => ok(api.GET('/api/v1/links/{link_id}/rights', { params }))
  const plan = () => ok(api.GET('/api/v1/links/{link_id}/plan', { params }))

  useLive(event => void (event.type.startsWith('link.') && event.data.link_id === id && load()))
  useAgain(load, () => (link.value && healthOf(link.value) === 'working' ? BUSY : QUIET))
  return { link, error, load, run, resync, release, pause, change, end, plan, rights }
}

/** A link's documents and folders, a page at a time, narrowed to those that something is the matter with. */
export function useLinkItems(id: string, view: Ref<ItemView>) {
  const api = useApi()
  const tell = useTell()
  const { t } = useLocale()
  function page(after?: string) {
    const narrowed = view.value === 'conflicts' ? { conflict: true } : view.value === 'all' ? {} : { state: view.value }
    return ok(api.GET('/api/v1/links/{link_id}/items', { params: { path: { link_id: id }, query: { ...narrowed, after, limit: 100 } } }))
  }
  const { put, ...list } = usePaged<LinkItem>(view, page)
  async function retry(item: LinkItem) {
    try {
      put(await ok(api.POST('/api/v1/links/{link_id}/items/{item_id}/retry', { params: { path: { link_id: id, item_id: item.id } } })))
      tell.done(t('integrations.retry_said', { name: item.name }))
    }
    catch (fault) {
      tell.failed(t('integrations.not_retried', { name: item.name }), fault)
    }
  }
  /** Raises a Problem, for the dialog to show. */
  async function choose(item: LinkItem, keep: 'ours' | 'theirs') {
    put(await ok(api.POST('/api/v1/links/{link_id}/items/{item_id}/choose', { params: { path: { link_id: id, item_id: item.id } }, body: { keep } })))
    tell.done(t(`integrations.chosen_${keep}`, { name: item.name }))
    await list.load()
  }
  return { ...list, retry, choose }
}

/** Where a document lives on other sides, and whether it is in step there. */
export function useDocumentLinks(id: string) {
  const api = useApi()
  const items = shallowRef<Schemas['DocumentLink'][]>([])
  async function load() {
    const found = await ok(api.GET('/api/v1/documents/{document_id}/links', { params: { path: { document_id: id } } })).catch(() => null)
    if (found) items.value = found.items
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  useLive((event) => {
    if (event.document_id !== id) return
    // A link notes what happened a moment later.
    clearTimeout(timer)
    timer = setTimeout(load, 1500)
    if (event.type.startsWith('link.')) void load()
  })
  onBeforeUnmount(() => clearTimeout(timer))
  onMounted(load)
  return { items, load }
}

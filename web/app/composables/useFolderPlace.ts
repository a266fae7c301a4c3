/** Which folder is shown and how it is narrowed and sorted: all of it from the address, so that it can be kept and sent. */
export function useFolderPlace() {
  const route = useRoute()
  const router = useRouter()
  const folders = useFolders()
  const path = shallowRef<Folder[]>([])
  const error = ref<unknown>(null)

  const wanted = computed(() => (typeof route.query.folder === 'string' ? route.query.folder : null))
  const folderId = computed(() => wanted.value ?? folders.rootId.value)
  const folder = computed(() => (folderId.value ? folders.known.get(folderId.value) ?? null : null))
  const isTop = computed(() => folderId.value !== null && folderId.value === folders.rootId.value)
  const mayEdit = computed(() => folder.value?.role === 'editor' || folder.value?.role === 'owner')
  const query = computed<ListQuery>({
    get: () => readQuery(route.query),
    set: next => void router.replace({ query: { folder: wanted.value ?? undefined, ...writeQuery(next) } }),
  })

  async function load() {
    error.value = null
    try {
      await folders.loadTops()
      if (folderId.value) path.value = await folders.pathTo(folderId.value)
    }
    catch (fault) {
      error.value = fault
    }
  }
  // A folder that was renamed or moved shows so in the way to it.
  const key = computed(() => [folderId.value, ...path.value.map(each => folders.known.get(each.id)?.etag)].join())
  watch(key, load, { immediate: true })

  const go = (id: string) => navigateTo(folderAddress(id, folders.rootId.value))
  function up() {
    const above = path.value.at(-2)
    if (above) void go(above.id)
  }
  return { folderId, folder, isTop, mayEdit, path, query, error, load, go, up }
}

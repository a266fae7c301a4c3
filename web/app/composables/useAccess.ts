type Grant = Schemas['GrantIn']
/** Somebody or a group, and what they may do in the folder. */
export interface Entry { key: string, id: string, group: boolean, name: string, role: Role }

/** Who may see a folder: as the one above, or a list of its own. */
export function useAccess(folder: Folder) {
  const api = useApi()
  const { t } = useLocale()
  const people = useMembers()
  const groups = ref<Schemas['Group'][]>([])
  const restricted = ref(folder.restricted)
  const entries = ref<Entry[]>([])
  const state = ref<'loading' | 'done' | 'failed'>('loading')
  const error = ref<unknown>(null)
  const params = { path: { folder_id: folder.id } }

  const keyOf = (group: boolean, id: string) => `${group ? 'group' : 'member'}:${id}`
  const nameOf = (grant: Grant) => (grant.group_id
    ? groups.value.find(each => each.id === grant.group_id)?.name
    : people.byId.value.get(grant.member_id!)?.name) ?? t('documents.access_gone')
  function entryOf(grant: Grant): Entry {
    const id = (grant.group_id ?? grant.member_id)!
    return { key: keyOf(!!grant.group_id, id), id, group: !!grant.group_id, name: nameOf(grant), role: grant.role }
  }

  async function load() {
    state.value = 'loading'
    try {
      const [view, page] = await Promise.all([
        ok(api.GET('/api/v1/folders/{folder_id}/access', { params })),
        ok(api.GET('/api/v1/groups', { params: { query: { limit: 200 } } })),
        people.load(),
      ])
      groups.value = page.items
      restricted.value = view.restricted
      entries.value = (view.restricted ? view.grants ?? [] : []).map(entryOf)
      state.value = 'done'
    }
    catch (fault) {
      error.value = fault
      state.value = 'failed'
    }
  }

  /** Those who could be added. */
  const others = computed(() => {
    const there = new Set(entries.value.map(each => each.key))
    const all = [
      ...groups.value.map(each => ({ key: keyOf(true, each.id), id: each.id, group: true, name: each.name })),
      ...people.active.value.map(each => ({ key: keyOf(false, each.id), id: each.id, group: false, name: each.name })),
    ]
    return all.filter(each => !there.has(each.key))
  })
  function add(key: string) {
    const found = others.value.find(each => each.key === key)
    if (found) entries.value = [...entries.value, { ...found, role: 'viewer' }]
  }
  const remove = (key: string) => (entries.value = entries.value.filter(each => each.key !== key))

  async function save(): Promise<void> {
    if (!restricted.value) return void await ok(api.DELETE('/api/v1/folders/{folder_id}/access', { params }))
    const grants = entries.value.map(each => ({ [each.group ? 'group_id' : 'member_id']: each.id, role: each.role }))
    await ok(api.PUT('/api/v1/folders/{folder_id}/access', { params, body: { grants } }))
  }
  return { restricted, entries, others, state, error, load, add, remove, save }
}

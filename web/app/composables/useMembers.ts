const FRESH = 60_000
let loading: Promise<void> | undefined
let loadedAt = 0

/** Everybody in the workspace: read once, all pages, and again when a minute has passed and somebody needs it. */
export function useMembers() {
  const members = useState<Member[]>('members', () => [])
  const session = useSession()
  const { t } = useLocale()

  async function read() {
    const found: Member[] = []
    let after: string | undefined
    do {
      const page = await ok(useApi().GET('/api/v1/members', { params: { query: { limit: 200, after } } }))
      found.push(...page.items)
      after = page.next ?? undefined
    } while (after)
    members.value = found
    loadedAt = Date.now()
  }

  /** Have them; what cannot be read now is left as it was. */
  function load(): Promise<void> {
    if (Date.now() - loadedAt < FRESH) return Promise.resolve()
    loading ??= read().catch(() => undefined).finally(() => (loading = undefined))
    return loading
  }

  const byId = computed(() => new Map(members.value.map(each => [each.id, each])))
  /** Those who can be given something: active ones by name, oneself first. */
  const active = computed(() => members.value.filter(each => each.active).sort((a, b) => first(b) - first(a) || a.name.localeCompare(b.name)))
  const first = (each: Member) => Number(each.id === session.memberId.value)
  /** A name for an id; `null` is the program itself. */
  const nameOf = (id: string | null) => (id === null ? t('tasks.system') : byId.value.get(id)?.name ?? t('tasks.somebody'))

  return { members, active, byId, nameOf, load }
}

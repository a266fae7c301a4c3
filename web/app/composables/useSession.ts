import type { Me, Role } from '~/utils/types'

const RANK: Record<Role, number> = { viewer: 1, editor: 2, owner: 3 }
const KEPT = 'dossier.workspace'
let renewal: { promise: Promise<boolean>, settle: (done: boolean) => void } | undefined

/** Who is signed in, in which workspace, and what they may do there. */
export function useSession() {
  const me = useState<Me | null>('me', () => null)
  const workspace = useState<string | null>('workspace', () => localStorage.getItem(KEPT))
  const expired = useState('expired', () => false)

  const membership = computed(() =>
    me.value?.memberships.find(each => each.workspace.slug === workspace.value) ?? me.value?.memberships[0])
  const role = computed<Role>(() => membership.value?.role ?? 'viewer')

  /** Read who is signed in; null where nobody is. */
  async function load(): Promise<Me | null> {
    const answer = await fetch('/api/v1/me')
    if (answer.status === 401) return (me.value = null)
    if (!answer.ok) throw Problem.from(await answer.json().catch(() => null), answer.status)
    return accept(await answer.json())
  }

  function accept(next: Me): Me {
    me.value = next
    const slugs = next.memberships.map(each => each.workspace.slug)
    if (!workspace.value || !slugs.includes(workspace.value)) switchTo(slugs[0] ?? null)
    return next
  }

  function switchTo(slug: string | null) {
    workspace.value = slug
    if (slug) localStorage.setItem(KEPT, slug)
    else localStorage.removeItem(KEPT)
  }

  async function signIn(email: string, password: string): Promise<void> {
    const body = JSON.stringify({ email, password })
    const headers = { 'Content-Type': 'application/json' }
    const answer = await fetch('/api/v1/session', { method: 'POST', headers, body }).catch(() => {
      throw Problem.offline()
    })
    if (!answer.ok) throw Problem.from(await answer.json().catch(() => null), answer.status)
    const before = me.value?.user.id
    const next = await load()
    if (renewal && before && next?.user.id !== before) {
      // Somebody else signed in over an open page: what was typed there is not theirs.
      location.assign('/')
      return
    }
    expired.value = false
    renewal?.settle(true)
    renewal = undefined
  }

  async function signOut(): Promise<void> {
    await fetch('/api/v1/session', { method: 'DELETE' })
    location.assign('/sign-in')
  }

  /** Ask for a new sign-in over the open page, which stays as it is; resolves when there is one. */
  function renew(): Promise<boolean> {
    if (!me.value) return Promise.resolve(false)
    if (!renewal) {
      let settle = (_done: boolean) => {}
      const promise = new Promise<boolean>((resolve) => {
        settle = resolve
      })
      renewal = { promise, settle }
      expired.value = true
    }
    return renewal.promise
  }

  return {
    me,
    workspace,
    expired,
    membership,
    role,
    memberId: computed(() => membership.value?.member_id ?? ''),
    may: (least: Role) => RANK[role.value] >= RANK[least],
    load,
    switchTo,
    signIn,
    signOut,
    renew,
  }
}

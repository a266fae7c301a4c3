export type Group = Schemas['Group']
export type Invitation = Schemas['Invitation']
export type InvitationMade = Schemas['InvitationMade']

/** The people of the workspace, and what an owner does with them. A refused change is taken back on the screen and said. */
export function usePeople() {
  const { t } = useLocale()
  const tell = useTell()
  const api = useApi()
  const list = useList<Member>(after => ok(api.GET('/api/v1/members', { params: { query: { after, limit: 200 } } })))

  const patch = (id: string, body: Schemas['MemberChange']) =>
    ok(api.PATCH('/api/v1/members/{member_id}', { params: { path: { member_id: id } }, body }))

  /** Change at once on the screen; what the server refuses is put back as it was. */
  async function change(member: Member, body: { role?: Role, active?: boolean }, said: string, undo = true) {
    list.put({ ...member, ...body })
    try {
      list.put(await patch(member.id, body))
      const before = { ...(body.role && { role: member.role }), ...(body.active !== undefined && { active: member.active }) }
      tell.done(said, undo ? { run: () => change({ ...member, ...body }, before, t('people.taken_back'), false) } : undefined)
    }
    catch (error) {
      list.put(member)
      tell.failed(t('people.not_changed', { name: member.name }), error)
    }
  }
  const setRole = (member: Member, role: Role) =>
    change(member, { role }, t('people.role_changed', { name: member.name, role: t(`people.role_${role}`) }))
  const setActive = (member: Member, active: boolean) =>
    change(member, { active }, t(active ? 'people.reactivated' : 'people.deactivated', { name: member.name }))
  return { ...list, setRole, setActive }
}

/** Groups of people, to whom access is given together. */
export function useGroups() {
  const api = useApi()
  const list = useList<Group>(after => ok(api.GET('/api/v1/groups', { params: { query: { after, limit: 200 } } })))

  async function save(id: string | null, body: { name: string, member_ids: string[] }) {
    const path = { group_id: id ?? '' }
    list.put(id
      ? await ok(api.PATCH('/api/v1/groups/{group_id}', { params: { path }, body }))
      : await ok(api.POST('/api/v1/groups', { body })))
  }
  async function remove(group: Group) {
    await ok(api.DELETE('/api/v1/groups/{group_id}', { params: { path: { group_id: group.id } } }))
    list.drop(group.id)
  }
  return { ...list, save, remove }
}

/** Invitations that nobody has accepted yet. */
export function useInvitations() {
  const api = useApi()
  const { t } = useLocale()
  const tell = useTell()
  const list = useList<Invitation>(after => ok(api.GET('/api/v1/invitations', { params: { query: { after, limit: 200 } } })))

  /** The link of the answer is shown once: nobody can read it again. */
  async function invite(email: string, role: Role, days: number): Promise<InvitationMade> {
    const made = await ok(api.POST('/api/v1/invitations', { body: { email, role, days } }))
    await list.load()
    return made
  }
  async function revoke(invitation: Invitation) {
    list.drop(invitation.id)
    try {
      await ok(api.DELETE('/api/v1/invitations/{invitation_id}', { params: { path: { invitation_id: invitation.id } } }))
      tell.done(t('people.revoked', { email: invitation.email }))
    }
    catch (error) {
      list.put(invitation)
      tell.failed(t('people.not_revoked', { email: invitation.email }), error)
    }
  }
  return { ...list, invite, revoke }
}

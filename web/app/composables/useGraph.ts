export type GraphApp = Pick<Schemas['NewSignIn'], 'tenant' | 'client_id' | 'cloud'>
export type GraphQuestion = Schemas['ChoiceQuestion']['ask']
export type GraphChoice = Schemas['LinkChoice']
export type GraphSignIn = Schemas['GraphSignIn']
const FOR = 'dossier.sign-in-for'

/** Signing in at Microsoft for a link, and picking a place there. */
export function useGraph() {
  const api = useApi()

  /** Off to Microsoft; the browser comes back to `/integrations/new?sign_in=`. `link`: whose credentials it is to become. Raises a Problem. */
  async function signIn(app: GraphApp, secret: string, link?: string) {
    const body = { ...app, ...(secret && { client_secret: secret }) }
    const { url } = await ok(api.POST('/api/v1/link_sign_ins', { body }))
    if (link) sessionStorage.setItem(FOR, link)
    else sessionStorage.removeItem(FOR)
    await navigateTo(url, { external: true })
  }
  /** The link that the sign-in was for; asked once. */
  function wasFor(): string | null {
    const link = sessionStorage.getItem(FOR)
    sessionStorage.removeItem(FOR)
    return link
  }
  /** Who signed in. Raises a Problem. */
  const look = (id: string): Promise<GraphSignIn> => ok(api.GET('/api/v1/link_sign_ins/{sign_in_id}', { params: { path: { sign_in_id: id } } }))
  /** Sites, drives or folders. Raises a Problem. */
  async function choices(app: GraphApp, credentials: Record<string, string>, ask: GraphQuestion): Promise<GraphChoice[]> {
    return (await ok(api.POST('/api/v1/link_choices', { body: { ...app, credentials, ask } }))).items
  }
  return { signIn, wasFor, look, choices }
}

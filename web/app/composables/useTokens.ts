export type Token = Schemas['Token']
export type TokenMade = Schemas['TokenMade']
export type Scope = Me['scopes'][number]

/** One's own keys for programs. */
export function useTokens() {
  const api = useApi()
  const list = useList<Token>(after => ok(api.GET('/api/v1/tokens', { params: { query: { after, limit: 200 } } })))

  /** The secret of the answer is shown once: nobody can read it again. */
  async function make(name: string, scopes: Scope[], days: number | null): Promise<TokenMade> {
    const expires_at = days === null ? null : new Date(Date.now() + days * 86_400_000).toISOString()
    const made = await ok(api.POST('/api/v1/tokens', { body: { name, scopes, expires_at } }))
    await list.load()
    return made
  }
  async function revoke(token: Token) {
    await ok(api.DELETE('/api/v1/tokens/{token_id}', { params: { path: { token_id: token.id } } }))
    list.drop(token.id)
  }
  return { ...list, make, revoke }
}

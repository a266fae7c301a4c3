import createClient, { type Client } from 'openapi-fetch'

import type { paths } from '~/api/schema'

let client: Client<paths> | undefined

/** The typed client of the API. Names the workspace, makes a POST safe to send again, and waits for a new sign-in at a 401. */
export function useApi(): Client<paths> {
  client ??= makeClient()
  return client
}

function makeClient() {
  const session = useSession()
  const made = createClient<paths>({ baseUrl: '', fetch: request => guarded(request, session.renew) })
  made.use({
    onRequest({ request }) {
      const slug = session.workspace.value
      if (slug && !request.headers.has('X-Workspace')) request.headers.set('X-Workspace', slug)
      if (request.method === 'POST' && !request.headers.has('Idempotency-Key')) {
        request.headers.set('Idempotency-Key', randomKey())
      }
      return request
    },
  })
  return made
}

/** Sends it; where the sign-in has ended, asks for a new one and sends the very same request again. */
export async function guarded(request: Request, renew: () => Promise<boolean>): Promise<Response> {
  const again = request.clone()
  const answer = await fetch(request)
  if (answer.status !== 401 || new URL(request.url).pathname.endsWith('/session')) return answer
  return await renew() ? fetch(again) : answer
}

/** A key that nobody else has; `crypto.randomUUID` is missing where the portal is opened by plain HTTP from another machine. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')
}

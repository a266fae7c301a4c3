import { afterEach, describe, expect, it, vi } from 'vitest'

import { guarded, randomKey } from '~/composables/useApi'
import { ok, Problem } from '~/utils/problem'

const request = (path: string, how?: RequestInit) => new Request(`http://dossier.test${path}`, how)
const answers = (...statuses: number[]) => {
  const fetched = vi.fn<typeof fetch>()
  for (const status of statuses) fetched.mockResolvedValueOnce(new Response('{}', { status }))
  vi.stubGlobal('fetch', fetched)
  return fetched
}
afterEach(() => vi.unstubAllGlobals())

describe('guarded', () => {
  it('passes a good answer on and asks nobody', async () => {
    answers(200)
    const renew = vi.fn()
    expect((await guarded(request('/api/v1/me'), renew)).status).toBe(200)
    expect(renew).not.toHaveBeenCalled()
  })
  it('sends the very same body again after a new sign-in', async () => {
    const fetched = answers(401, 201)
    const sent = request('/api/v1/folders', { method: 'POST', body: '{"name":"A"}', headers: { 'Idempotency-Key': 'k' } })
    expect((await guarded(sent, async () => true)).status).toBe(201)
    const again = fetched.mock.calls[1]![0] as Request
    expect(again.headers.get('Idempotency-Key')).toBe('k')
    expect(await again.text()).toBe('{"name":"A"}')
  })
  it('gives the 401 where nobody signs in', async () => {
    const fetched = answers(401)
    expect((await guarded(request('/api/v1/me'), async () => false)).status).toBe(401)
    expect(fetched).toHaveBeenCalledTimes(1)
  })
  it('lets a refused sign-in be', async () => {
    answers(401)
    const renew = vi.fn()
    await guarded(request('/api/v1/session', { method: 'POST', body: '{}' }), renew)
    expect(renew).not.toHaveBeenCalled()
  })
})

describe('randomKey', () => {
  it('is 128 bits in hex, another each time', () => {
    expect(randomKey()).toMatch(/^[0-9a-f]{32}$/)
    expect(randomKey()).not.toBe(randomKey())
  })
})

describe('ok', () => {
  it('gives the body', async () => expect(await ok(Promise.resolve({ data: 1, response: new Response() }))).toBe(1))
  it('throws the problem', async () => {
    const error = { code: 'name_taken', detail: 'There is one.', fields: { name: 'taken' } }
    const call = ok(Promise.resolve({ error, response: new Response('', { status: 409 }) }))
    await expect(call).rejects.toMatchObject({ status: 409, code: 'name_taken', fields: { name: 'taken' } })
  })
  it('calls silence offline', async () => {
    await expect(ok(Promise.reject(new TypeError('failed')))).rejects.toMatchObject({ status: 0, code: 'offline' })
  })
  it('lets an ended request be one', async () => {
    await expect(ok(Promise.reject(new DOMException('', 'AbortError')))).rejects.not.toBeInstanceOf(Problem)
  })
})

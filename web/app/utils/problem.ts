/** A refusal of the server (RFC 9457), or `offline` where it did not answer. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly fields: Record<string, string> = {},
    readonly requestId = '',
  ) {
    super(detail)
  }

  static from(wire: unknown, status: number): Problem {
    const { code, detail, title, fields, request_id } = (wire ?? {}) as Record<string, string> & { fields?: Record<string, string> }
    return new Problem(status, code ?? 'unknown', detail ?? title ?? '', fields ?? {}, request_id ?? '')
  }

  static offline(): Problem {
    return new Problem(0, 'offline', '')
  }
}

interface Answer<T> { data?: T, error?: unknown, response: Response }

/** The body of a good answer; throws a Problem for any other. Use around every call: `await ok(api.GET(...))`. */
export async function ok<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>
  try {
    answer = await call
  }
  catch (error) {
    throw error instanceof Problem || (error instanceof DOMException && error.name === 'AbortError') ? error : Problem.offline()
  }
  if (!answer.response.ok) throw Problem.from(answer.error, answer.response.status)
  return answer.data as T
}

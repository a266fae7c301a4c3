/** One form's sending: busy, what went wrong as a whole and by field. What was typed stays. */
export function useSubmit() {
  const busy = ref(false)
  const problem = ref<Problem | null>(null)

  async function submit<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (busy.value) return undefined
    busy.value = true
    problem.value = null
    try {
      return await work()
    }
    catch (error) {
      problem.value = error instanceof Problem ? error : new Problem(0, 'unknown', '')
      if (!(error instanceof Problem)) throw error
      return undefined
    }
    finally {
      busy.value = false
    }
  }
  const field = (name: string) => problem.value?.fields[name]
  return { busy, problem, field, submit }
}

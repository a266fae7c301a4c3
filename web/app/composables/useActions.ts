/** What a key, the palette or a menu can ask for and a page does. The address: where somebody is taken whose page has none. */
const HOMES = { upload: '/documents', new_folder: '/documents', new_task: '/tasks' } as const
export type Action = keyof typeof HOMES

const doers = new Map<Action, (() => unknown)[]>()
let pending: { action: Action, until: number } | undefined

/** Say what this page or component does, as long as it lives: `useActions({ upload: () => picker.click() })`. The newest one answers. */
export function useActions(mine: Partial<Record<Action, () => unknown>>) {
  const entries = Object.entries(mine) as [Action, () => unknown][]
  onMounted(() => {
    for (const [action, run] of entries) {
      doers.set(action, [...doers.get(action) ?? [], run])
      if (pending?.action !== action) continue
      const late = Date.now() > pending.until
      pending = undefined
      if (!late) void nextTick(run)
    }
  })
  onBeforeUnmount(() => {
    for (const [action, run] of entries) doers.set(action, (doers.get(action) ?? []).filter(each => each !== run))
  })
}

/** Have it done: by the page in view, else by the page that is its home. */
export async function ask(action: Action): Promise<void> {
  const run = doers.get(action)?.at(-1)
  if (run) return void run()
  pending = { action, until: Date.now() + 4000 }
  await navigateTo(HOMES[action])
}

/** Whether the page in view does this itself. */
export const canAsk = (action: Action): boolean => (doers.get(action)?.length ?? 0) > 0

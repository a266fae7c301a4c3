const KEY = 'dossier.tab'
const lockOf = (tab: string) => `dossier.tab.${tab}`

/** Hold a lock as long as the page lives; false where another page has it. Browsers without locks (plain HTTP) always say yes. */
function hold(name: string): Promise<boolean> {
  if (!navigator.locks) return Promise.resolve(true)
  return new Promise((resolve) => {
    void navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null)
      return lock ? new Promise(() => {}) : undefined
    })
  })
}

/** The name of this tab, the same after a reload; a copy of a tab gets another. */
export async function claimTab(fresh: () => string): Promise<string> {
  const before = sessionStorage.getItem(KEY)
  if (before && await hold(lockOf(before))) return before
  const made = fresh()
  sessionStorage.setItem(KEY, made)
  await hold(lockOf(made))
  return made
}

/** Whether the tab of that name is gone; what it left is then ours. */
export const inherit = (tab: string): Promise<boolean> => hold(lockOf(tab))

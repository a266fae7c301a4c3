/** Whether the server has a newer build than the one that runs here. */
export const useOutdated = () => useState('outdated', () => false)

/** What a refusal says to people: our own words where the code is known, else the server's. */
export function useProblemText() {
  const { t, te } = useLocale()
  return (error: unknown): string => {
    if (!(error instanceof Problem)) return t('problem.unknown')
    return te(`problem.${error.code}`) ? t(`problem.${error.code}`) : error.detail || t('problem.unknown')
  }
}

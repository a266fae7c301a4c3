import type { Composer } from 'vue-i18n'

/** The texts (`t`), the language, and how to change it. */
export function useLocale() {
  const i18n = useNuxtApp().$i18n as Composer
  const locale = i18n.locale as Ref<Locale>

  async function setLocale(next: Locale) {
    i18n.setLocaleMessage(next, await loadMessages(next))
    locale.value = next
    localStorage.setItem('dossier.locale', next)
  }
  return { t: i18n.t, te: i18n.te, locale, setLocale }
}

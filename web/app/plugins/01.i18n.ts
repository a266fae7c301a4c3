import { createI18n } from 'vue-i18n'

import { detectLocale, loadMessages } from '~/utils/locales'

/** Texts come from locales/<language>.json; only the language in use is loaded. */
export default defineNuxtPlugin(async (nuxt) => {
  const locale = detectLocale(localStorage.getItem('dossier.locale'), navigator.languages)
  const i18n = createI18n({
    legacy: false,
    locale,
    fallbackLocale: locale,
    messages: { [locale]: await loadMessages(locale) },
    missingWarn: import.meta.dev,
    fallbackWarn: false,
  })
  nuxt.vueApp.use(i18n)
  return { provide: { i18n: i18n.global } }
})

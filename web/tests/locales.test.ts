import { describe, expect, it } from 'vitest'

import { detectLocale, libraryTexts, loadMessages, LOCALES, regionOf } from '~/utils/locales'

describe('LOCALES', () => {
  it('are the folders, by their own names', () => expect(LOCALES).toEqual({ de: 'Deutsch', en: 'English' }))
})

describe('detectLocale', () => {
  it('takes the wanted one', () => expect(detectLocale('de', ['en'])).toBe('de'))
  it('else the first of the browser that is there', () => expect(detectLocale('xx', ['fr-FR', 'de-AT', 'en'])).toBe('de'))
  it('else English', () => expect(detectLocale(null, ['fr'])).toBe('en'))
})

describe('regionOf', () => {
  it('is the variety of the browser', () => expect(regionOf('en', ['de-DE', 'en-GB', 'en-US'])).toBe('en-GB'))
  it('never another language', () => expect(regionOf('en', ['de-DE', 'enm'])).toBe('en'))
})

describe('loadMessages', () => {
  it('has the texts by domain, and the library\'s own', async () => {
    const texts: Record<string, Record<string, string>> = await loadMessages('de')
    expect(texts.app?.home).toBe('Start')
    expect(libraryTexts.value?.code).toBe('de')
  })
})

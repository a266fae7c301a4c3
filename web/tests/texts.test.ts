import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

type Texts = Record<string, string>
const APP = join(import.meta.dirname, '../app')
const LANGUAGES = readdirSync(join(APP, 'locales'))
const first = 'en'

const textsOf = (language: string): Texts => Object.assign({}, ...readdirSync(join(APP, 'locales', language))
  .filter(file => file.endsWith('.json'))
  .map(file => flat(file.slice(0, -5), JSON.parse(readFileSync(join(APP, 'locales', language, file), 'utf8')))))

function flat(above: string, part: Record<string, unknown>): Texts {
  return Object.assign({}, ...Object.entries(part).map(([key, value]) =>
    typeof value === 'string' ? { [`${above}.${key}`]: value } : flat(`${above}.${key}`, value as Record<string, unknown>)))
}
const english = textsOf(first)
const sources = readdirSync(APP, { recursive: true, encoding: 'utf8' })
  .filter(file => /\.(vue|ts)$/.test(file) && !file.startsWith('api'))
  .map(file => readFileSync(join(APP, file), 'utf8'))
const quoted = sources.flatMap(text => [...text.matchAll(/['"`]([a-z]+\.[\w.]*)(\$\{)?/g)].map(([, key, open]) => ({ key: key!, open: !!open })))

/** What stands between the brackets of every call of `t`. */
const calls = sources.flatMap(text => [...text.matchAll(/\bt\(/g)].map(({ index }) => {
  let depth = 0
  let end = index + 1
  do depth += { '(': 1, ')': -1 }[text[end]!] ?? 0
  while (++end < text.length && depth > 0)
  return text.slice(index, end)
}))

describe.each(LANGUAGES.filter(language => language !== first))('%s', (language) => {
  const texts = textsOf(language)
  it('has the same texts as English', () => expect(Object.keys(texts).sort()).toEqual(Object.keys(english).sort()))
  it('fills in the same values', () => {
    const holes = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort()
    const other = Object.keys(english).filter(key => String(holes(english[key]!)) !== String(holes(texts[key] ?? '')))
    expect(other).toEqual([])
  })
  it('has as many forms of number', () => {
    const forms = (text: string) => text.split(' | ').length
    expect(Object.keys(english).filter(key => forms(english[key]!) !== forms(texts[key] ?? ''))).toEqual([])
  })
})

describe('English', () => {
  it('has every text that is asked for', () => {
    const asked = calls.flatMap(call => [...call.matchAll(/'([a-z]+\.\w+)'/g)].map(match => match[1]!))
    expect(asked.length).toBeGreaterThan(100)
    expect([...new Set(asked)].filter(key => !(key in english))).toEqual([])
  })
  it('has no text that nothing asks for', () => {
    const whole = new Set(quoted.filter(each => !each.open).map(each => each.key))
    const begun = quoted.filter(each => each.open).map(each => each.key)
    expect(Object.keys(english).filter(key => !whole.has(key) && !begun.some(start => key.startsWith(start)))).toEqual([])
  })
  it('never shouts', () => expect(Object.keys(english).filter(key => english[key]!.includes('!'))).toEqual([]))
})

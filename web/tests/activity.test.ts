import { readdirSync, readFileSync } from 'node:fs'
import { createI18n } from 'vue-i18n'
import { describe, expect, it } from 'vitest'

import { ACTIVITY_KINDS, byDay, historySentence, sentenceKey, type Activity } from '~/utils/activity'
import { initials } from '~/utils/people'

const read = (language: string, file: string) => JSON.parse(readFileSync(`app/locales/${language}/${file}`, 'utf8'))
const messages = Object.fromEntries(['en', 'de'].map(language => [language, Object.fromEntries(
  ['activity', 'tasks', 'taskhistory', 'notices'].map(name => [name, read(language, `${name}.json`)]),
)]))

function words(locale: 'en' | 'de') {
  const { t, te } = createI18n({ legacy: false, locale, messages }).global
  return { t: t as (key: string, named?: Record<string, unknown>) => string, te: te as (key: string) => boolean }
}

const MARA = { id: 'mara', name: 'Mara' }
const TOM = { id: 'tom', name: 'Tom' }
const happened = (more: Partial<Activity>) => ({
  seq: 1, type: 'version.added', at: '2026-11-24T09:00:00Z', actor: MARA, document: { id: 'd', name: 'Lease.pdf' }, task: null, folder: null, version: 5,
  restored_from: null, comment: null, status: null, person: null, previous_name: null, ...more,
}) as Activity

/** The sentence as the component puts it together. */
function say(activity: Activity, locale: 'en' | 'de', me = 'vera') {
  const { t, te } = words(locale)
  const names = {
    actor: activity.actor?.name ?? t('tasks.system'), document: activity.document?.name, task: activity.task?.title, folder: activity.folder?.name,
    version: `v${activity.version}`, comment: `“${activity.comment}”`, person: activity.person?.name, previous: activity.previous_name,
    from: `v${activity.restored_from}`,
  }
  return t(sentenceKey(activity, me, te), names)
}

describe('sentences', () => {
  it('tell who did what, in both languages', () => {
    const signed = happened({ comment: 'signed' })
    expect(say(signed, 'en')).toBe('Mara added v5 of Lease.pdf – “signed”')
    expect(say(signed, 'de')).toBe('Mara hat v5 von Lease.pdf hinzugefügt – “signed”')
    expect(say(signed, 'en', 'mara')).toBe('You added v5 of Lease.pdf – “signed”')
    expect(say(signed, 'de', 'mara')).toBe('Sie haben v5 von Lease.pdf hinzugefügt – “signed”')
  })

  it('know the turns of a task', () => {
    const task = { id: 't', title: 'Sign' }
    expect(say(happened({ type: 'task.status_changed', task, status: 'done', actor: TOM }), 'en')).toBe('Tom completed Sign.')
    expect(say(happened({ type: 'task.assigned', task, person: TOM }), 'en', 'tom')).toBe('Mara assigned Sign to you.')
    expect(say(happened({ type: 'task.assigned', task, person: TOM }), 'de', 'mara')).toBe('Sie haben Sign zugewiesen: Tom.')
    expect(say(happened({ type: 'task.assigned', task, person: MARA }), 'en', 'mara')).toBe('You took on Sign.')
    expect(say(happened({ type: 'task.assigned', task }), 'en')).toBe('Mara took the assignee of Sign away.')
  })

  it('know renaming and restoring', () => {
    expect(say(happened({ type: 'document.renamed', previous_name: 'L.pdf' }), 'en')).toBe('Mara renamed L.pdf to Lease.pdf.')
    expect(say(happened({ restored_from: 2 }), 'en')).toBe('Mara restored v2 of Lease.pdf as v5.')
  })

  it('say something of what they do not know', () => {
    expect(say(happened({ type: 'document.signed' }), 'en')).toBe('Mara changed Lease.pdf.')
    expect(say(happened({ type: 'x.y', document: null, actor: null }), 'en')).toBe('Dossier changed something.')
  })

  it('exist for every kind that the page offers, for both persons, in both languages', () => {
    for (const language of ['en', 'de']) {
      for (const type of Object.values(ACTIVITY_KINDS).flat()) {
        expect(messages[language]!.activity[type.replace('.', '_')], `${language} ${type}`).toMatchObject({ you: expect.any(String), other: expect.any(String) })
      }
    }
  })
})

describe('historySentence', () => {
  const told = (type: string, data: Record<string, unknown>, actor = TOM) => {
    const { t } = words('en')
    return historySentence({ type, actor, data }, { t, nameOf: id => ({ mara: 'Mara', tom: 'Tom' }[id!] ?? '?'), me: 'mara', locale: 'en' })
  }
  it('names what changed', () => {
    expect(told('task.updated', { changed: ['due_at', 'title'] })).toBe('Tom changed due date and title.')
    expect(told('task.status_changed', { from: 'open', to: 'done' })).toBe('Tom set it from “Open” to “Done”.')
    expect(told('task.assigned', { assignee_id: 'mara', previous: null })).toBe('Tom assigned it to Mara.')
    expect(told('task.assigned', { assignee_id: 'tom', previous: null })).toBe('Tom took it on.')
    expect(told('task.assigned', { assignee_id: null, previous: 'tom' }, MARA)).toBe('You took the assignee away.')
    expect(told('task.carried_over', { from: 3, to: 5 })).toBe('Tom carried it over from v3 to v5.')
    expect(told('task.something_new', {})).toBe('Tom changed the task.')
  })
})

describe('byDay', () => {
  it('puts things under the reader\'s days', () => {
    const now = new Date(2026, 10, 24, 0, 30).getTime()
    const at = (minutes: number) => ({ at: new Date(now - minutes * 60_000).toISOString() })
    const days = byDay([at(10), at(40), at(24 * 60 + 40)], 'en', now, { today: 'Today', yesterday: 'Yesterday' })
    expect(days.map(day => [day.label, day.items.length])).toEqual([['Today', 1], ['Yesterday', 1], ['Sunday, November 22, 2026', 1]])
  })
})

describe('initials', () => {
  it('are those of the first and the last word', () => {
    expect(['Mara Lind', 'Tom', 'Anna von der Au', '  élise  ', ''].map(initials)).toEqual(['ML', 'T', 'AA', 'É', ''])
  })
})

describe('locale files', () => {
  it('have the same keys in both languages', () => {
    const keys = (value: unknown, path = ''): string[] =>
      typeof value === 'string' ? [path] : Object.entries(value as object).flatMap(([key, below]) => keys(below, `${path}.${key}`))
    for (const file of readdirSync('app/locales/en').filter(name => name.endsWith('.json'))) expect(keys(read('de', file)).sort(), file).toEqual(keys(read('en', file)).sort())
  })
})

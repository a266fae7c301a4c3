import { describe, expect, it } from 'vitest'

import { type Command, matching } from '~/composables/useCommands'

const command = (label: string): Command => ({ key: label, icon: '', label, run: () => undefined })
const all = ['Go to Trash', 'Dark theme', 'Gehe zu Aufgaben', 'Schlüssel zeigen'].map(command)
const found = (typed: string) => matching(all, typed).map(each => each.label)

describe('matching', () => {
  it('asks every word for a beginning', () => expect(found('go tra')).toEqual(['Go to Trash']))
  it('in any order', () => expect(found('theme da')).toEqual(['Dark theme']))
  it('without accents and case', () => expect(found('SCHLUSS')).toEqual(['Schlüssel zeigen']))
  it('never inside a word', () => expect(found('ark')).toEqual([]))
})

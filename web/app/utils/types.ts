import type { components } from '~/api/schema'

/** The shapes on the wire, by their short names. */
export type Schemas = components['schemas']
export type Doc = Schemas['Document']
export type Version = Schemas['Version']
export type Task = Schemas['Task']
export type Arrival = Schemas['Arrival']
export type Folder = Schemas['Folder']
export type Member = Schemas['Member']
export type Me = Schemas['Me']
export type Role = Me['memberships'][number]['role']

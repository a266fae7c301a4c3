import type { Target } from '~/utils/places'

/** A task's place on the version in view. */
export interface Marker { id: string, n: number, title: string, place: Place }
export type Viewer = ReturnType<typeof makeViewer>
const VIEWER: InjectionKey<Viewer> = Symbol('viewer')

function makeViewer() {
  return reactive({
    /** The page in view, from 1, and how many there are; 0 where there are none. */
    page: 1,
    pages: 0,
    /** What was asked for, and what came of it. */
    zoom: 'fit' as 'fit' | number,
    scale: 1,
    zooms: false,
    /** Whether a box is being drawn, and whether there can be. */
    marking: false,
    boxes: false,
    /** Set by the preview: go to a place; what a selected text is as a target. */
    show: (_place: Place) => {},
    targetOf: (_selection: Selection): Target | null => null,
  })
}

/** What a preview, the bar above it and the page around it tell each other. */
export function provideViewer(): Viewer {
  const viewer = makeViewer()
  provide(VIEWER, viewer)
  return viewer
}

export function useViewer(): Viewer {
  return inject(VIEWER)!
}

/** Say what this preview can do, as long as it lives. */
export function useViewerOf(able: Partial<Viewer>) {
  const viewer = useViewer()
  const off = { page: 1, pages: 0, zooms: false, boxes: false, marking: false, show: () => {}, targetOf: () => null }
  onMounted(() => Object.assign(viewer, off, able))
  onBeforeUnmount(() => Object.assign(viewer, off))
  return viewer
}

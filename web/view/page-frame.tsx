import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { TextKey } from '../language/en.ts'
import { LANGUAGES, LOCALES, textIn } from '../language/language.ts'
import { useTexts } from './language-context.tsx'

interface PageFrameProps {
  title: TextKey
  lead: TextKey
  children: ComponentChildren
}

export function PageFrame({ title, lead, children }: PageFrameProps) {
  const { language, setLanguage, t } = useTexts()
  useEffect(() => {
    document.title = `${t(title)} · Countersign`
  }, [language, title])
  const other = LANGUAGES.find((candidate) => candidate !== language)!
  return (
    <>
      <header class="page-header">
        <span class="wordmark">Countersign</span>
        <button type="button" class="quiet" lang={LOCALES[other]} onClick={() => setLanguage(other)}>
          {textIn(other, 'languageName')}
        </button>
      </header>
      <main>
        <div class="intro">
          <h1>{t(title)}</h1>
          <p class="lead">{t(lead)}</p>
        </div>
        {children}
      </main>
    </>
  )
}

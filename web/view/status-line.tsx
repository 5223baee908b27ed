import type { Message } from '../order/version-steps.ts'
import { useTexts } from './language-context.tsx'

/** What goes on, said aloud by screen readers as it changes. Always there: a region that appears with its text is not read. */
export function StatusLine({ message, isShown }: { message: Message | undefined; isShown: boolean }) {
  const { t } = useTexts()
  return (
    <p class={isShown ? 'status' : 'unseen'} role="status" aria-live="polite">
      {message && t(message.key, message.values)}
    </p>
  )
}

/** Something that has to be done otherwise. */
export function ErrorLine({ message }: { message: Message | undefined }) {
  const { t } = useTexts()
  return <div role="alert">{message && <p class="error">{t(message.key, message.values)}</p>}</div>
}

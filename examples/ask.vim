" SPDX-License-Identifier: MIT
"
" In vim, `:Ask` sends the whole file to the model and puts the answer below it; `:'<,'>Ask` sends the lines selected.
" A question before them: `:'<,'>Ask what is wrong here?`
"
"   let g:slullamafs_model = '~/llm/qwen'
"   source examples/ask.vim

command! -range=% -nargs=* Ask call append(<line2>, s:ask(<q-args>, getline(<line1>, <line2>)))

function! s:ask(question, lines) abort
  let l:model = expand(get(g:, 'slullamafs_model', '~/llm/qwen'))
  call writefile((empty(a:question) ? [] : [a:question, '']) + a:lines, l:model . '/ask')
  let l:answer = systemlist('cat ' . shellescape(l:model . '/reply'))
  return v:shell_error ? readfile(l:model . '/error') : l:answer
endfunction

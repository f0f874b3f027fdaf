
# Goals, with what the makefiles say of them where several fit. The words that choose makefiles are handed on.
_imk_goals() {
    local program=$1 cur=$2 prev=$3 word line name about at=1 width=0
    local -a given=() chosen=() lines=() kept=() names=()
    COMPREPLY=()
    # Readline takes NAME=VALUE for three words.
    while ((at < COMP_CWORD)); do
        word=${COMP_WORDS[at]}
        while [[ ${COMP_WORDS[at + 1]-} == = ]] && ((at + 1 < COMP_CWORD)); do
            word+== at=$((at + 1))
            ((at + 1 < COMP_CWORD)) && [[ ${COMP_WORDS[at + 1]} != -* ]] && word+=${COMP_WORDS[at + 1]} at=$((at + 1))
        done
        given+=("$word") at=$((at + 1))
    done
    if [[ $cur == = ]]; then
        _imk "$program" '' "$prev"
        return
    fi
    if [[ $prev == = && ${COMP_WORDS[COMP_CWORD - 2]-} == -* ]]; then
        _imk "$program" "$cur" "${COMP_WORDS[COMP_CWORD - 2]}"
        return
    fi
    case $prev in
    @REQUIRED@)
        _imk "$program" "$cur" "$prev"
        return
        ;;
    esac
    if [[ $cur == -* ]]; then
        _imk "$program" "$cur" -b
        return
    fi
    [[ $prev != = ]] || return
    for ((at = 0; at < ${#given[@]}; at++)); do
        case ${given[at]} in
        -f | -C | -I | --file | --makefile | --directory | --include-dir) chosen+=("${given[at]}" "${given[++at]-}") ;;
        -f* | -C* | -I* | --file=* | --makefile=* | --directory=* | --include-dir=* | [!-]*=*) chosen+=("${given[at]}") ;;
        esac
    done
    # Loops are slow, and a thousand goals are waited for: they are read and cut at once.
    IFS=$'\n' read -r -d '' -a lines < <("${program/#\~/$HOME}" "${chosen[@]}" --list=names 2>/dev/null)
    if [[ -n $cur ]]; then
        for line in "${lines[@]}"; do
            [[ $line != "$cur"* ]] || kept+=("$line")
        done
        lines=("${kept[@]}")
    fi
    names=("${lines[@]%%$'\t'*}")
    # Of more than a hundred readline asks whether they are to be shown at all.
    if ((${#names[@]} > 1 && ${#names[@]} <= 100)) && [[ ${COMP_TYPE-9} == 9 || ${COMP_TYPE-9} == 63 ]]; then
        for name in "${names[@]}"; do
            ((${#name} <= width)) || width=${#name}
        done
        for line in "${lines[@]}"; do
            name=${line%%$'\t'*} about=${line:${#name}+1}
            if [[ -n $about ]]; then
                printf -v line '%-*s  (%s)' "$width" "$name" "$about"
                name=${line:0:${COLUMNS:-80}-1}
            fi
            COMPREPLY+=("$name")
        done
    else
        COMPREPLY=("${names[@]}")
    fi
}

if ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))); then
    complete -F _imk_goals -o nosort -o bashdefault -o default imk
else
    complete -F _imk_goals -o bashdefault -o default imk
fi

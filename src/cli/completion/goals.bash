
# Goals, with what the makefiles say of them where several fit. The words that choose makefiles are handed on.
_imk_goals() {
    local program=$1 cur=$2 prev=$3 word line name about at=1 width=0
    local -a given=() chosen=() names=() abouts=()
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
    while IFS=$'\t' read -r name about; do
        [[ $name == "$cur"* ]] || continue
        names+=("$name") abouts+=("$about")
        ((${#name} <= width)) || width=${#name}
    done < <("${program/#\~/$HOME}" "${chosen[@]}" --list=names 2>/dev/null)
    if ((${#names[@]} > 1)) && [[ ${COMP_TYPE-9} == 9 || ${COMP_TYPE-9} == 63 ]]; then
        for ((at = 0; at < ${#names[@]}; at++)); do
            printf -v line '%-*s  %s' "$width" "${names[at]}" "${abouts[at]:+(${abouts[at]})}"
            line=${line:0:$((${COLUMNS:-80} - 1))}
            COMPREPLY+=("${line%"${line##*[! ]}"}")
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
